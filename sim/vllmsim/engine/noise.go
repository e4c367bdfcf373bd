package engine

import (
	"math"
	"math/rand/v2"
)

// Noise is what disturbs the timings of a start. All of it follows from Seed,
// so that what was planted can be computed beforehand and compared with what
// a measurement finds. The zero value disturbs nothing.
type Noise struct {
	Seed  uint64
	Start float64 // standard deviation of the log of a start's step times
	Run   float64 // the same of a run's; see RunGap
	Step  float64 // the same of each step's
	// Request is the standard deviation of the log of the time that a request
	// spends before the scheduler (HTTP, tokenising, queueing).
	Request float64
	// RunGap is the idle time in seconds after which the next request begins a
	// new run; so does one after a reset of the prefix cache. 0 = no gap is
	// long enough.
	RunGap float64
}

// StartFactor is what multiplies every step of the start: clocks, memory
// placement and kernel choices differ from start to start.
func (n Noise) StartFactor() float64 { return factor(n.Start, n.Seed, 0x57a47, 0) }

// RunFactor is what multiplies every step of the k-th run, from 0.
func (n Noise) RunFactor(k int) float64 { return factor(n.Run, n.Seed, 0x4e0, uint64(k)) }

// RequestOverhead is the time before the scheduler sees the k-th request of
// the start, from 0, in seconds.
func (n Noise) RequestOverhead(k uint64) float64 {
	return requestPre * factor(n.Request, n.Seed, 0x4e9, k)
}

// factor is log-normal with median 1. Equal arguments give equal factors.
func factor(deviation float64, seed, kind, index uint64) float64 {
	if deviation == 0 {
		return 1
	}
	rng := rand.New(rand.NewPCG(seed^kind<<32, index*0x9e3779b97f4a7c15+kind))
	return math.Exp(deviation * rng.NormFloat64())
}

// Thermal is the heat of one GPU: its temperature T follows a first-order law
// towards Load while steps run and towards Idle while none does. Above Limit
// the clock falls by Slope per degree, and steps take 1/clock times as long.
type Thermal struct {
	Idle, Load float64 // degrees Celsius in the long run
	Tau        float64 // time constant, s; after Tau 63% of a change is done
	Limit      float64 // degrees Celsius
	Slope      float64 // loss of clock per degree above Limit, a share; 0 = no throttling
	Start      float64 // degrees Celsius at the start
}

// slowest is the lowest clock that heat can force, as a share of the full one.
const slowest = 0.3

// Clock is the share of the full clock at a temperature.
func (t Thermal) Clock(celsius float64) float64 {
	return max(slowest, 1-t.Slope*max(0, celsius-t.Limit))
}

// After is the temperature after seconds of uninterrupted load, or of none.
func (t Thermal) After(celsius, seconds float64, load bool) float64 {
	target := t.Idle
	if load {
		target = t.Load
	}
	if t.Tau <= 0 {
		return target
	}
	return target + (celsius-target)*math.Exp(-max(0, seconds)/t.Tau)
}

// Condition is the state of an engine's noise and heat at one moment.
type Condition struct {
	Run       int     // index of the latest run, from 0; -1 before the first request
	RunFactor float64 // of that run
	at        float64 // end of the latest step
	celsius   float64 // at that moment
	reset     bool    // the prefix cache was reset since
	thermal   Thermal
}

// Temperature is that of the GPU at a time after the latest step, in degrees
// Celsius.
func (c Condition) Temperature(now float64) float64 {
	return c.thermal.After(c.celsius, now-c.at, false)
}

// Clock is the share of the full clock that a step at that time would run at.
func (c Condition) Clock(now float64) float64 { return c.thermal.Clock(c.Temperature(now)) }

// begin starts a step at now and returns what its duration is multiplied by.
func (c *Condition) begin(now float64, n Noise) float64 {
	if c.Run < 0 || c.reset || n.RunGap > 0 && now-c.at >= n.RunGap {
		c.Run++
		c.RunFactor = n.RunFactor(c.Run)
		c.reset = false
	}
	c.celsius = c.Temperature(now)
	return c.RunFactor / c.thermal.Clock(c.celsius)
}

// end books the heat of a step that ends at end.
func (c *Condition) end(start, end float64) {
	c.celsius, c.at = c.thermal.After(c.celsius, end-start, true), end
}
