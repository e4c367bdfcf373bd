// Package arrivals holds the law of an open loop: whether the requests that a
// load generator sent are the arrivals that it was asked for. One judgement
// serves our own generator, the tools that are driven and the files that are
// imported. Of a closed loop it holds how many requests make a throughput.
//
// The tests are exact or bounded, each at the error rate Alpha: a generator
// that keeps its law fails one less than once in a million runs, whatever the
// number of requests.
package arrivals

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mathext"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Alpha is the largest chance that a test condemns arrivals that keep their law.
const Alpha = 1e-6

// What is allowed beyond chance: clocks and event loops are not exact.
const (
	rateSlack  = 0.01                 // of the rate
	countSlack = 2                    // requests of a constant rate: a start or an end may be off
	shapeSlack = 0.05                 // of the distribution of the gaps
	jitter     = 2 * time.Millisecond // of one gap
	gapShare   = 0.25                 // of the gap of a constant rate, for the median gap
)

// Turnovers is the number of requests per slot under which the window of a closed
// loop is rough: its beginning and its end, where not all slots are busy, weigh too
// much in the throughput.
const Turnovers = 4

// Law is what was asked for.
type Law struct {
	Rate float64 // requests per second, above 0
	// Burstiness is the shape of the gamma distribution of the gaps: 1 is
	// Poisson, +Inf is a constant rate.
	Burstiness float64
}

// Sent is what a generator did.
type Sent struct {
	Times []time.Duration // of the sends, from any origin, in any order
	// Planned are the intended sends, nil where not all of them are known.
	Planned []time.Duration
	// Sending began at From and ended at Until by its time limit. Until 0: it
	// ended with the last request.
	From, Until time.Duration
	// Capped says that sends waited for a limit of requests in flight.
	Capped bool
}

// Judge returns the reasons why the arrivals are not those of the law; none:
// they are.
func (l Law) Judge(s Sent) []notice.Notice {
	if !(l.Rate > 0) || math.IsInf(l.Rate, 0) || !(l.Burstiness > 0) {
		return nil
	}
	times := s.Times
	if s.Capped && s.Planned != nil {
		times = s.Planned
	}
	out := l.rate(slices.Sorted(slices.Values(times)), s)
	exact := s.Planned != nil
	if exact {
		times = s.Planned
	} else if s.Capped {
		return out
	}
	return append(out, l.gaps(gapsOf(slices.Sorted(slices.Values(times))), exact)...)
}

// TooMany judges a count alone: n requests were sent within at most d. It is
// what a summary without times still tells.
func (l Law) TooMany(n int, d time.Duration) []notice.Notice {
	if !(l.Rate > 0) || math.IsInf(l.Rate, 0) || !(l.Burstiness > 0) || n < 2 || d <= 0 {
		return nil
	}
	if fast, _ := l.chance(n-1, d, false); fast {
		return l.off(n, d)
	}
	return nil
}

// rate tests the number of sends against the time that they took.
func (l Law) rate(times []time.Duration, s Sent) []notice.Notice {
	n := len(times)
	if s.Until > s.From {
		d := s.Until - s.From
		if fast, slow := l.chance(n, d, true); fast || slow && !waited(s) {
			return l.off(n, d)
		}
		return nil
	}
	if n < 2 {
		return nil
	}
	d := times[n-1] - times[0]
	if fast, slow := l.chance(n-1, d, false); fast || slow && !waited(s) {
		return l.off(n, d)
	}
	return nil
}

// waited says that a low rate may be the work of the cap.
func waited(s Sent) bool { return s.Capped && s.Planned == nil }

func (l Law) off(n int, d time.Duration) []notice.Notice {
	return []notice.Notice{notice.New("arrivals-rate", notice.Args{
		"n": notice.Count(n), "time": notice.Span(d), "law": notice.Text(l.String()), "expected": notice.Number(l.Rate * d.Seconds()),
	})}
}

// String names the law as a load point does.
func (l Law) String() string {
	switch {
	case math.IsInf(l.Burstiness, 1):
		return fmt.Sprintf("constant %g/s", l.Rate)
	case l.Burstiness == 1:
		return fmt.Sprintf("poisson %g/s", l.Rate)
	default:
		return fmt.Sprintf("gamma %g/s with burstiness %g", l.Rate, l.Burstiness)
	}
}

// chance says whether d is too short or too long for n arrivals. byTime: n is
// the count within d; otherwise n gaps took d exactly. The sum of k gaps is
// gamma distributed with shape k*Burstiness: for Poisson arrivals this is the
// exact test of a Poisson count.
func (l Law) chance(n int, d time.Duration, byTime bool) (fast, slow bool) {
	expected := l.Rate * d.Seconds()
	if math.IsInf(l.Burstiness, 1) {
		off := float64(n) - expected
		limit := countSlack + rateSlack*expected
		return off > limit, -off > limit
	}
	k, b := float64(n), l.Burstiness
	more := k
	if byTime {
		more++ // the next arrival came after d
	}
	fast = n > 0 && mathext.GammaIncReg(k*b, b*expected*(1+rateSlack)) < Alpha/2
	slow = more > 0 && mathext.GammaIncRegComp(more*b, b*expected*(1-rateSlack)) < Alpha/2
	return fast, slow
}

func gapsOf(times []time.Duration) []float64 {
	var out []float64
	for i := 1; i < len(times); i++ {
		out = append(out, (times[i] - times[i-1]).Seconds())
	}
	return out
}

// gaps tests the distribution of the gaps, apart from their mean. exact: they
// are planned times, free of jitter.
func (l Law) gaps(gaps []float64, exact bool) []notice.Notice {
	if len(gaps) == 0 {
		return nil
	}
	if math.IsInf(l.Burstiness, 1) {
		return l.even(gaps)
	}
	law := notice.Text(l.String())
	if same := repeated(gaps, exact); l.Burstiness <= 1 && same > 0 {
		return []notice.Notice{notice.New("arrivals-repeat", notice.Args{"n": notice.Count(same), "all": notice.Count(len(gaps) - 1), "law": law})}
	}
	if off := l.misfit(gaps); off > shapeSlack+math.Sqrt(math.Log(2/Alpha)/(2*float64(len(gaps)))) {
		return []notice.Notice{notice.New("arrivals-shape", notice.Args{
			"law": law, "off": notice.Fraction(off), "variation": notice.Number(variation(gaps)),
		})}
	}
	return nil
}

// even tests the gaps of a constant rate: half of them may not be off by more
// than gapShare.
func (l Law) even(gaps []float64) []notice.Notice {
	want := 1 / l.Rate
	off := make([]float64, 0, len(gaps))
	for _, g := range gaps {
		off = append(off, math.Abs(g-want))
	}
	slices.Sort(off)
	if median := off[len(off)/2]; len(off) >= 4 && median > max(gapShare*want, jitter.Seconds()) {
		return []notice.Notice{notice.New("arrivals-uneven", notice.Args{
			"off": notice.Seconds(median), "gap": notice.Seconds(want), "law": notice.Text(l.String()),
		})}
	}
	return nil
}

// How close two gaps in a row count as equal, and the gaps that are compared:
// shorter ones may be equal by the resolution of a clock or of a timer.
const (
	equalShare  = 0.01
	leastExact  = 1e-3  // seconds
	leastActual = 20e-3 // seconds
)

// repeated is the number of gaps that equal the one before, where chance does
// not explain it; else 0. Given a gap x, an exponential gap falls within
// equalShare of it with a probability of at most 2*equalShare/e/(1-equalShare),
// so their number is bounded by a binomial one.
func repeated(gaps []float64, exact bool) int {
	least := leastActual
	if exact {
		least = leastExact
	}
	n, same := len(gaps)-1, 0
	for i := 1; i < len(gaps); i++ {
		if x := gaps[i-1]; x >= least && math.Abs(gaps[i]-x) <= equalShare*x {
			same++
		}
	}
	if same == 0 {
		return 0
	}
	const p = 2 * equalShare / math.E / (1 - equalShare)
	// P(Binomial(n, p) >= same), as an incomplete beta function.
	if mathext.RegIncBeta(float64(same), float64(n-same)+1, p) >= Alpha {
		return 0
	}
	return same
}

// misfit is the largest distance between the distribution of the gaps and the
// gamma distribution with their mean, where a gap may be off by the jitter.
// Chance keeps it under sqrt(ln(2/Alpha)/2n) for the distribution that was
// drawn from (Dvoretzky, Kiefer and Wolfowitz, with Massart's constant); the
// mean that is estimated from the same gaps only makes it smaller.
func (l Law) misfit(gaps []float64) float64 {
	x := slices.Sorted(slices.Values(gaps))
	n := float64(len(x))
	mean := 0.0
	for _, g := range x {
		mean += g / n
	}
	if !(mean > 0) {
		return 1
	}
	at := func(g float64) float64 {
		if g <= 0 {
			return 0
		}
		return mathext.GammaIncReg(l.Burstiness, l.Burstiness*g/mean)
	}
	worst := 0.0
	for i, g := range x {
		worst = max(worst, float64(i+1)/n-at(g+jitter.Seconds()), at(g-jitter.Seconds())-float64(i)/n)
	}
	return worst
}

// variation is the coefficient of variation.
func variation(x []float64) float64 {
	n, mean, squares := float64(len(x)), stats.Mean(x), 0.0
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares/n) / mean
}
