package loadgen

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// windowTimes are the arrivals of the window, in seconds from its start.
func windowTimes(c *Config) []float64 {
	s := newSchedule(c)
	var out []float64
	for _, d := range s.dues {
		if d.phase == PhaseWindow {
			out = append(out, (d.at - s.start).Seconds())
		}
	}
	return out
}

// dispersion is the index of dispersion of counts: variance over mean of the
// arrivals in slots of equal length, up to the last full one.
func dispersion(times []float64, slot float64) float64 {
	counts := make([]float64, int(times[len(times)-1]/slot)+1)
	for _, t := range times {
		counts[int(t/slot)]++
	}
	counts = counts[:len(counts)-1]
	mean, variance := stat.MeanVariance(counts, nil)
	return variance / mean
}

// ksDistance is the Kolmogorov-Smirnov distance of a sample to a distribution.
func ksDistance(x []float64, cdf func(float64) float64) float64 {
	slices.Sort(x)
	n, d := float64(len(x)), 0.0
	for i, v := range x {
		f := cdf(v)
		d = max(d, f-float64(i)/n, float64(i+1)/n-f)
	}
	return d
}

// Poisson arrivals must neither bunch nor spread: the index of dispersion over
// each of 20 seeds is 1 within 0.1. A group that repeats, or gaps with another
// distribution, fails.
func TestPoissonDispersion(t *testing.T) {
	const rate, slots, perSlot = 100.0, 10_000, 20.0
	for seed := range uint64(20) {
		c := Config{Arrivals: Arrivals{Kind: Poisson, Rate: rate}, Seed: seed, Duration: slots * perSlot / rate * 1e9}
		if d := dispersion(windowTimes(&c), perSlot/rate); math.Abs(d-1) > 0.1 {
			t.Errorf("seed %d: index of dispersion %.3f", seed, d)
		}
	}
}

// Gaps of a gamma process follow the gamma distribution, and their burstiness
// shows in the counts: for a renewal process the index of dispersion tends to
// the squared coefficient of variation, 1/burstiness.
func TestGamma(t *testing.T) {
	const rate, n = 50.0, 20_000
	for _, shape := range []float64{0.25, 1, 4} {
		over := 0
		for seed := range uint64(20) {
			c := Config{Arrivals: Arrivals{Kind: Gamma, Rate: rate, Burstiness: shape}, Seed: seed, Requests: n}
			times := windowTimes(&c)
			gaps := []float64{times[0]}
			for i := range times[1:] {
				gaps = append(gaps, times[i+1]-times[i])
			}
			if d := ksDistance(gaps, func(x float64) float64 { return mathext.GammaIncReg(shape, x*shape*rate) }); d > 1.63/math.Sqrt(n) {
				over++
			}
			const perSlot = 100
			if d := dispersion(times, perSlot/rate) * shape; d < 0.6 || d > 1.5 { // 200 slots: deviation 10%
				t.Errorf("burstiness %v, seed %d: index of dispersion %.3f of that expected", shape, seed, d)
			}
		}
		if over > 3 { // binomial(20, .01): P(> 3) < 5e-5
			t.Errorf("burstiness %v: %d of 20 seeds fail the test of gamma gaps", shape, over)
		}
	}
}

// A ramp has the arrivals of a rate that grows (or falls) linearly: mapped by
// the expected count, they are a Poisson process of rate 1.
func TestRamp(t *testing.T) {
	const d = 400.0
	for _, ends := range [][2]float64{{5, 45}, {45, 5}, {20, 20}, {20, 20.0000001}} {
		a, b := ends[0], ends[1]
		expected := func(x float64) float64 { return a*x + (b-a)*x*x/(2*d) }
		over := 0
		for seed := range uint64(20) {
			c := Config{Arrivals: Arrivals{Kind: Ramp, Rate: a, RateTo: b}, Seed: seed, Warmup: 10 * time.Second, Duration: d * 1e9}
			times := windowTimes(&c)
			n := len(times)
			if mean := (a + b) / 2 * d; math.Abs(float64(n)-mean) > 5*math.Sqrt(mean) {
				t.Errorf("%v to %v, seed %d: %d arrivals, %.0f expected", a, b, seed, n, mean)
			}
			gaps, last := make([]float64, n), 0.0
			for i, x := range times {
				gaps[i], last = expected(x)-last, expected(x)
			}
			if ksDistance(gaps, func(x float64) float64 { return 1 - math.Exp(-x) }) > 1.63/math.Sqrt(float64(n)) {
				over++
			}
		}
		if over > 3 {
			t.Errorf("%v to %v: %d of 20 seeds fail", a, b, over)
		}
	}
}

func TestArrivalFaults(t *testing.T) {
	for name, a := range map[string]Arrivals{
		"no burstiness": {Kind: Gamma, Rate: 1},
		"no end rate":   {Kind: Ramp, Rate: 1},
		"endless ramp":  {Kind: Ramp, Rate: 1, RateTo: 2},
	} {
		c := config(&mock.Server{URL: "http://127.0.0.1:1"}, a)
		c.Requests = 1
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A ramp is not steady by design: nothing warns of it.
func TestRampRuns(t *testing.T) {
	s := start(t, mock.Options{TTFT: 5 * time.Millisecond, ITL: 5 * time.Millisecond})
	c := config(s, Arrivals{Kind: Ramp, Rate: 20, RateTo: 180})
	c.Warmup, c.Duration, c.Output.Mean = 100*time.Millisecond, 2*time.Second, 2
	r := mustRun(t, c)
	half := (r.WindowStart + r.WindowEnd) / 2
	first, second := 0, 0
	for i := range r.Requests {
		switch q := &r.Requests[i]; {
		case q.Phase != PhaseWindow:
		case q.Scheduled < half:
			first++
		default:
			second++
		}
	}
	if second < first*3/2 || r.Client.AskedRate != 100 || r.Label != LabelOpen { // 60 and 140 expected
		t.Errorf("%d then %d requests, %+v", first, second, r.Client)
	}
	for _, code := range []notice.Code{"in-flight-grew", "throughput-unsteady", "littles-law"} {
		if notice.Has(r.Warnings, code) {
			t.Errorf("warnings %q", r.Warnings)
		}
	}
}

// BenchmarkRate gives how far the achieved rate is from the one asked for, in
// percent of the schedule's own count, against the reference server in another process.
func BenchmarkRate(b *testing.B) {
	for _, rate := range []float64{50, 200, 500} {
		b.Run(fmt.Sprintf("rate=%.0f", rate), func(b *testing.B) {
			url, end := referenceProcess(b, referenceTTFT, referenceITL)
			defer end()
			for b.Loop() {
				c := config(&mock.Server{URL: url}, Arrivals{Kind: Constant, Rate: rate})
				c.Warmup, c.Duration = time.Second, 4*time.Second
				r, err := Run(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(100*(r.Client.OfferedRate/rate-1), "rate-error-%")
				b.ReportMetric(float64(r.Client.DispatchLagP50.Microseconds()), "lag-p50-µs")
				b.ReportMetric(float64(r.Client.DispatchLagP99.Microseconds()), "lag-p99-µs")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
