package loadgen

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
)

// The gaps of a Poisson schedule must be exponential: over many seeds the
// Kolmogorov-Smirnov distance may exceed its 1% critical value about 1% of
// the time. A schedule rescaled to its nominal length fails this for the sum.
func TestPoissonIsExponential(t *testing.T) {
	const n, seeds, rate = 400, 200, 50.0
	critical := 1.63 / math.Sqrt(n) // asymptotic, alpha = 0.01
	over := 0
	var lengths []float64
	for seed := range uint64(seeds) {
		c := Config{Arrivals: Arrivals{Kind: Poisson, Rate: rate}, Seed: seed, Warmup: time.Second, Requests: n}
		s := newSchedule(&c)
		var gaps []float64
		last := s.start
		for _, d := range s.dues {
			if d.phase == PhaseWindow {
				gaps = append(gaps, (d.at - last).Seconds())
				last = d.at
			}
		}
		if len(gaps) != n {
			t.Fatalf("%d requests, want %d", len(gaps), n)
		}
		slices.Sort(gaps)
		distance := 0.0
		for i, g := range gaps {
			f := 1 - math.Exp(-rate*g)
			distance = max(distance, f-float64(i)/n, float64(i+1)/n-f)
		}
		if distance > critical {
			over++
		}
		lengths = append(lengths, (s.end - s.start).Seconds())
	}
	if over > 8 { // binomial(200, .01): P(> 8) < 1e-4
		t.Errorf("%d of %d seeds fail the test of exponential gaps", over, seeds)
	}
	// n+1 gaps: mean (n+1)/rate, deviation sqrt(n+1)/rate. A rescaled schedule has deviation 0.
	mean, sd := stat.MeanStdDev(lengths, nil)
	wantMean, wantSD := (n+1)/rate, math.Sqrt(n+1)/rate
	if math.Abs(mean-wantMean) > 4*wantSD/math.Sqrt(seeds) || sd < 0.8*wantSD || sd > 1.2*wantSD {
		t.Errorf("window lengths %.3f ± %.3f s, want %.3f ± %.3f s", mean, sd, wantMean, wantSD)
	}
}

func TestScheduleWindow(t *testing.T) {
	for name, c := range map[string]struct {
		cfg        Config
		n, warm    int
		start, end time.Duration
	}{
		"duration": {Config{Warmup: time.Second, Duration: 2 * time.Second}, 20, 10, time.Second, 3 * time.Second},
		"requests": {Config{Requests: 5}, 5, 0, 0, 500 * time.Millisecond},
		"both":     {Config{Requests: 5, Duration: 300 * time.Millisecond}, 3, 0, 0, 300 * time.Millisecond},
	} {
		c.cfg.Arrivals = Arrivals{Kind: Constant, Rate: 10}
		s := newSchedule(&c.cfg)
		var warm, n int
		for i, d := range s.dues {
			if i > 0 && d.at < s.dues[i-1].at {
				t.Errorf("%s: order", name)
			}
			switch {
			case d.phase == PhaseWarmup && d.at < s.start:
				warm++
			case d.phase == PhaseWindow && d.at >= s.start && d.at < s.end:
				n++
			default:
				t.Errorf("%s: %+v outside its phase", name, d)
			}
		}
		if n != c.n || warm != c.warm || s.start != c.start || s.end != c.end {
			t.Errorf("%s: %d+%d requests, window %s..%s", name, warm, n, s.start, s.end)
		}
	}
}

// The work of a window depends on the seed alone, not on the warm-up or the
// salt; its content differs with the salt.
func TestWorkDependsOnSeed(t *testing.T) {
	base := Config{
		Arrivals: Arrivals{Kind: Poisson, Rate: 20}, Duration: 2 * time.Second, Seed: 7, Model: "m", API: Completions,
		Prompt: Lengths{Kind: Lognormal, Mean: 100, Stdev: 50}, Output: Lengths{Kind: Normal, Mean: 50, Stdev: 20},
	}
	describe := func(c Config) (times, lengths, bodies []string) {
		b, err := newBodies(&c, wordPlan{})
		if err != nil {
			t.Fatal(err)
		}
		s := newSchedule(&c)
		for _, d := range s.dues {
			if d.phase != PhaseWindow {
				continue
			}
			j := b.build(d.phase, d.index)
			times = append(times, (d.at - s.start).String())
			lengths = append(lengths, fmt.Sprintf("%d %d", j.prompt, j.output))
			bodies = append(bodies, string(j.body))
		}
		return times, lengths, bodies
	}
	times, lengths, bodies := describe(base)

	warm := base
	warm.Warmup = 3 * time.Second
	if a, l, b := describe(warm); !slices.Equal(a, times) || !slices.Equal(l, lengths) || !slices.Equal(b, bodies) {
		t.Error("the warm-up changes the work of the window")
	}
	salted := base
	salted.Salt = "another trial"
	a, l, b := describe(salted)
	if !slices.Equal(a, times) || !slices.Equal(l, lengths) {
		t.Error("the salt changes arrivals or lengths")
	}
	for i := range b {
		if b[i] == bodies[i] {
			t.Error("the salt leaves a prompt unchanged")
		}
	}
	seeded := base
	seeded.Seed = 8
	if a, l, _ := describe(seeded); slices.Equal(a, times) || slices.Equal(l, lengths) {
		t.Error("the seed leaves arrivals or lengths unchanged")
	}
}

func TestLengthMoments(t *testing.T) {
	const n = 20_000
	for _, l := range []Lengths{
		{Kind: Fixed, Mean: 100},
		{Kind: Normal, Mean: 1000, Stdev: 100},
		{Kind: Lognormal, Mean: 6000, Stdev: 1500},
	} {
		c := Config{Prompt: l, Output: Lengths{Kind: Fixed, Mean: 1}, Seed: 3}
		x := make([]float64, n)
		for i := range x {
			p, _ := drawLengths(&c, PhaseWindow, i)
			x[i] = float64(p)
		}
		mean, sd := stat.MeanStdDev(x, nil)
		if math.Abs(mean-l.Mean) > 5*l.Stdev/math.Sqrt(n)+0.01 || math.Abs(sd-l.Stdev) > 0.05*l.Stdev+0.01 {
			t.Errorf("%s: mean %.1f, deviation %.1f; want %.1f, %.1f", l.Kind, mean, sd, l.Mean, l.Stdev)
		}
	}
}

func TestLengthBounds(t *testing.T) {
	values := []int{0, 5, 10}
	c := Config{
		Prompt: Lengths{Kind: Empirical, Values: values, Source: "trace.csv"},
		Output: Lengths{Kind: Empirical, Values: []int{100, 105, 110}, Source: "trace.csv"},
	}
	seen := map[int]bool{}
	for i := range 200 {
		p, o := drawLengths(&c, PhaseWindow, i)
		if p < 1 || (p > 1 && o != 100+p) || (p == 1 && o != 100) {
			t.Fatalf("prompt %d with output %d: not from one row", p, o)
		}
		seen[p] = true
		u := Lengths{Kind: Uniform, Min: 3, Max: 5}.draw(stream(1, 1, 0, i))
		w := Lengths{Kind: Normal, Mean: 10, Stdev: 1000, Min: 8, Max: 12}.draw(stream(1, 1, 0, i))
		if u < 3 || u > 5 || w < 8 || w > 12 {
			t.Fatalf("out of bounds: %d %d", u, w)
		}
	}
	if len(seen) != 3 {
		t.Errorf("drew %v, want every row", seen)
	}
}
