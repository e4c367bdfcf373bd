package loadgen

import (
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// scheduled is a run whose requests were sent as newSchedule planned them.
func scheduled(c *Config) *Result {
	plan := newSchedule(c)
	res := &Result{WindowStart: plan.start, WindowEnd: plan.end}
	for _, d := range plan.dues {
		res.Requests = append(res.Requests, Request{Phase: d.phase, Scheduled: d.at, Sent: d.at + 300*time.Microsecond})
	}
	return res
}

func TestOurOwnArrivalsAreJudgedToo(t *testing.T) {
	for _, a := range []Arrivals{
		{Kind: Poisson, Rate: 4}, {Kind: Constant, Rate: 4}, {Kind: Gamma, Rate: 4, Burstiness: 0.3}, {Kind: Poisson, Rate: 200}, {Kind: Constant, Rate: 2000},
		{Kind: Poisson, Rate: 4, MaxConcurrency: 2}, {Kind: Ramp, Rate: 4, RateTo: 100},
	} {
		for seed := range uint64(20) {
			for _, c := range []Config{
				{Arrivals: a, Seed: seed, Duration: 10 * time.Second, Warmup: 5 * time.Second},
				{Arrivals: a, Seed: seed, Requests: 40, Duration: time.Hour},
			} {
				if why := c.unlawful(scheduled(&c)); why != nil {
					t.Fatalf("%+v: %v", c.Arrivals, why)
				}
			}
		}
	}
	// The schedule of one rate under the name of another.
	c := Config{Arrivals: Arrivals{Kind: Poisson, Rate: 70}, Seed: 1, Duration: 10 * time.Second}
	res := scheduled(&c)
	c.Arrivals.Rate = 4
	if why := c.unlawful(res); len(why) != 1 || why[0].Code != "arrivals-rate" {
		t.Errorf("%v", why)
	}
	c.Arrivals = Arrivals{Kind: Constant, Rate: 70}
	if why := c.unlawful(res); !notice.Has(why, "arrivals-uneven") {
		t.Errorf("%v", why)
	}
}
