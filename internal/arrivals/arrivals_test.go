package arrivals

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// drawn is a process of n arrivals, or of those within d.
func drawn(gap func(i int) float64, n int, d time.Duration) []time.Duration {
	var out []time.Duration
	at := 0.0
	for i := 0; n == 0 || i < n; i++ {
		at += gap(i)
		t := time.Duration(at * 1e9)
		if d > 0 && t >= d {
			break
		}
		out = append(out, t)
	}
	return out
}

func exponential(rate float64, seed uint64) func(int) float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(int) float64 { return r.ExpFloat64() / rate }
}

func constant(rate float64) func(int) float64 {
	return func(i int) float64 { return min(float64(i), 1) / rate }
}

var (
	poisson4  = Law{Rate: 4, Burstiness: 1}
	constant4 = Law{Rate: 4, Burstiness: math.Inf(1)}
)

// Arrivals that keep their law are never condemned here: 6,000 draws at an
// error rate of one in a million for each test.
func TestTheLawIsKept(t *testing.T) {
	for seed := range uint64(1000) {
		for _, rate := range []float64{4, 300} {
			l := Law{Rate: rate, Burstiness: 1}
			for _, s := range []Sent{
				{Times: drawn(exponential(rate, seed), 0, 10*time.Second), Until: 10 * time.Second},
				{Times: drawn(exponential(rate, seed), 40, 0)},
				{Times: drawn(exponential(rate, seed), 40, 0), Planned: drawn(exponential(rate, seed), 40, 0), Capped: true},
			} {
				if why := l.Judge(s); why != nil {
					t.Fatalf("seed %d, %s: %v", seed, l, why)
				}
			}
		}
	}
	for _, s := range []Sent{
		{Times: drawn(constant(4), 40, 0)}, {Times: drawn(constant(4), 0, 10*time.Second), Until: 10 * time.Second},
		{Times: []time.Duration{0, 230e6, 520e6, 748e6, 1010e6, 1240e6}}, // a busy event loop
	} {
		if why := constant4.Judge(s); why != nil {
			t.Errorf("%v: %v", s.Times[:3], why)
		}
	}
}

// ten is the fault of a tool whose ten workers draw the same gaps.
func ten(rate float64, seed uint64) func(int) float64 {
	next, gap := exponential(rate, seed), 0.0
	return func(i int) float64 {
		if i%10 == 0 {
			gap = next(i)
		}
		return gap
	}
}

func TestTheLawIsBroken(t *testing.T) {
	s10 := 10 * time.Second
	for name, c := range map[string]struct {
		law  Law
		sent Sent
		code notice.Code
		says string
	}{
		"18 times the rate":     {poisson4, Sent{Times: drawn(exponential(72, 1), 0, s10), Until: s10}, "arrivals-rate", "poisson 4/s asks for about 40"},
		"a third of the rate":   {poisson4, Sent{Times: drawn(exponential(1.3, 1), 120, 0)}, "arrivals-rate", "sent 120 requests"},
		"stopped half-way":      {poisson4, Sent{Times: drawn(exponential(4, 1), 0, s10/2), Until: 2 * s10}, "arrivals-rate", "in 20 s, but poisson 4/s"},
		"no request":            {poisson4, Sent{Until: s10}, "arrivals-rate", "sent 0 requests in 10 s"},
		"too fast with a cap":   {poisson4, Sent{Times: drawn(exponential(72, 1), 0, s10), Until: s10, Capped: true}, "arrivals-rate", "poisson 4/s"},
		"equal gaps":            {poisson4, Sent{Times: drawn(constant(4), 40, 0)}, "arrivals-repeat", "38 of 38 gaps"},
		"runs of ten":           {poisson4, Sent{Times: drawn(ten(4, 3), 60, 0)}, "arrivals-repeat", ""},
		"runs of ten, planned":  {Law{Rate: 100, Burstiness: 1}, Sent{Times: drawn(exponential(100, 1), 60, 0), Planned: drawn(ten(100, 3), 60, 0)}, "arrivals-repeat", ""},
		"nearly equal gaps":     {poisson4, Sent{Times: drawn(func(i int) float64 { return 0.25 + 0.04*math.Sin(float64(i)) }, 60, 0)}, "arrivals-shape", "not those of poisson 4/s"},
		"bursts":                {poisson4, Sent{Times: drawn(func(i int) float64 { return 2.4 * math.Floor(float64(i%10)/9) }, 200, 0)}, "arrivals-shape", "not those of poisson 4/s"},
		"constant, exponential": {constant4, Sent{Times: drawn(exponential(4, 1), 40, 0)}, "arrivals-uneven", "the 250 ms of constant 4/s"},
		"constant, 5 % slow":    {constant4, Sent{Times: drawn(constant(3.8), 100, 0)}, "arrivals-rate", "constant 4/s"},
		"gamma, constant":       {Law{Rate: 4, Burstiness: 0.5}, Sent{Times: drawn(constant(4), 40, 0)}, "arrivals-repeat", "burstiness 0.5"},
	} {
		t.Run(name, func(t *testing.T) {
			if why := c.law.Judge(c.sent); !notice.Has(why, c.code) || !strings.Contains(notice.Join(why), c.says) {
				t.Errorf("%v: want %s with %q", why, c.code, c.says)
			}
		})
	}
}

// A cap makes sends wait: that is the load, not a fault of the generator.
func TestACapExcusesSlowSends(t *testing.T) {
	if why := poisson4.Judge(Sent{Times: drawn(constant(1), 40, 0), Capped: true}); why != nil {
		t.Error(why)
	}
}

func TestACountAlone(t *testing.T) {
	if why := poisson4.TooMany(876, 17*time.Second); len(why) != 1 || !strings.Contains(why[0].Text(), "876 requests in 17 s") {
		t.Errorf("%v", why)
	}
	for _, n := range []int{0, 1, 40, 60} {
		if why := poisson4.TooMany(n, 12*time.Second); why != nil {
			t.Errorf("%d: %v", n, why)
		}
	}
	if why := (Law{}).TooMany(10, time.Second); why != nil {
		t.Error(why)
	}
}
