package loadgen

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// Random streams. Every request has streams of its own, found by its phase and
// number, so that request i of the window is the same whatever the server did
// before it: configurations that are compared under one seed get the same
// work, however many requests their warm-up took.
const (
	streamLengths uint64 = iota + 1
	streamArrivals
	streamContent
	streamBlock  // shared content: blocks of a trace, prefixes
	streamPrefix // which prefix a request has
	streamSample // order of a dataset
	streamTurns  // turns of a session
	streamThink  // pauses of a session
	streamTurnLengths
	streamTurnContent
)

// stream returns the generator for one purpose, phase and request number.
func stream(seed, purpose uint64, phase Phase, i int) *rand.Rand {
	a := mix(seed ^ mix(purpose<<8|uint64(phase)))
	return rand.New(rand.NewPCG(a, mix(a^uint64(i))))
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// contentSeed joins Seed and Salt: prompts depend on both, lengths and
// arrivals on the seed alone.
func contentSeed(seed uint64, salt string) uint64 {
	h := sha256.Sum256([]byte(salt))
	return mix(seed ^ binary.LittleEndian.Uint64(h[:8]))
}

// drawLengths draws prompt and output tokens of request i.
func drawLengths(c *Config, phase Phase, i int) (prompt, output int) {
	if c.Arrivals.Kind == Trace {
		row := c.traceRow(phase, i)
		return max(row.Prompt, 1), max(row.Output, 1)
	}
	r := stream(c.Seed, streamLengths, phase, i)
	p, o := c.Prompt, c.Output
	if p.Kind == Empirical && o.Kind == Empirical && p.Source != "" && p.Source == o.Source && len(p.Values) == len(o.Values) {
		row := r.IntN(len(p.Values))
		return p.clamp(float64(p.Values[row])), o.clamp(float64(o.Values[row]))
	}
	return p.draw(r), o.draw(r)
}

func (l Lengths) draw(r *rand.Rand) int {
	switch l.Kind {
	case Normal:
		return l.clamp(l.Mean + l.Stdev*r.NormFloat64())
	case Lognormal:
		// Parameters of the logarithm from mean m and deviation s of the variable:
		// sigma^2 = ln(1 + (s/m)^2), mu = ln m - sigma^2/2.
		ratio := l.Stdev / l.Mean
		variance := math.Log1p(ratio * ratio)
		return l.clamp(math.Exp(math.Log(l.Mean) - variance/2 + math.Sqrt(variance)*r.NormFloat64()))
	case Uniform:
		return l.Min + r.IntN(l.Max-l.Min+1)
	case Empirical:
		return l.clamp(float64(l.Values[r.IntN(len(l.Values))]))
	default:
		return l.clamp(l.Mean)
	}
}

// clamp rounds and bounds a draw; 1e9 tokens is beyond any model and keeps a
// wild draw from overflowing.
func (l Lengths) clamp(v float64) int {
	n := int(math.Round(min(max(v, 1), 1e9)))
	if l.Max > 0 {
		n = min(n, l.Max)
	}
	return max(n, l.Min, 1)
}
