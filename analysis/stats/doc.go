// Package stats is the statistics of designed experiments on slices of float64:
// fits of treatments in blocks with a pooled variance, contrasts and their
// intervals, corrections for many comparisons, tests of equivalence, of equal
// variances, of ranks and of a trend, effects of factorial designs, power, and
// the membership of a Pareto frontier. It knows nothing of what was measured.
//
// Ratios are differences of logarithms: fit the logarithms of the values, and
// exp of a difference and of the ends of its interval is the ratio of the
// geometric means with its interval. A margin of 3% is then log(1.03).
//
// Values have no units here: a result has those of what was passed in. Values
// must be finite, and what is counted from 0 (groups, blocks, factors) must be
// below the number that was declared, or the functions panic as an index does.
// What data cannot answer is reported by an ok that is false or by NaN, never by
// an error. Nothing is safe for concurrent use with a write, and everything is
// deterministic: simulations have fixed seeds.
package stats
