package analysis

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// nonsense is what no sentence of a report may hold.
var nonsense = regexp.MustCompile(`NaN|\bInf\b|\b0 of 0\b|[-−+]0(\.0+)? %|\b1 (trials|cells|requests|configurations|starts)\b|%!|<nil>|\de[+-]\d\d`)

// TestStrangeRuns: whatever the records hold, the findings are words and
// numbers, and say what is wrong.
func TestStrangeRuns(t *testing.T) {
	normal := func(rng *rand.Rand) func(c, l, block, order int) map[string]float64 {
		return func(c, l, _, _ int) map[string]float64 {
			x := math.Exp(0.02 * rng.NormFloat64())
			return map[string]float64{
				throughput: 1000 * float64(l+1) * x, "request_throughput": 10 * float64(l+1) * x, "ttft_p50": 0.1 * float64(l+1) / x,
				"tpot_p50": 0.01 * (1 + 0.01*float64(c)) / x, "e2e_p50": 0.5 * float64(l+1) / x, "error_rate": 0,
			}
		}
	}
	fill := func(v float64) func(r *run) {
		return func(r *run) {
			for _, t := range r.in.Trials {
				for m := range t.Metrics {
					t.Metrics[m] = v
				}
			}
		}
	}
	outcome := func(o string) func(r *run) {
		return func(r *run) {
			for i := range r.in.Trials {
				r.in.Trials[i].Outcome = o
			}
		}
	}
	for _, c := range []struct {
		name                   string
		configurations, points int
		blocks                 int
		change                 func(r *run)
		want                   []string // in the text; "!" before it: not in it
	}{
		{"one cell", 1, 1, 3, nil, []string{"keep the baseline", "the only candidate, not the best of several"}},
		{"two cells", 2, 1, 3, nil, []string{"keep the baseline", "!only candidate"}},
		{"one trial each", 3, 2, 1, nil, []string{"6 of 6 measured cells with one trial"}},
		{"all invalid", 3, 2, 3, outcome(rundir.OutcomeInvalid), []string{"no recommendation", "no trial counts", "18 invalid trials"}},
		{"all failed", 3, 2, 3, outcome(rundir.OutcomeFailed), []string{"no recommendation", "18 trials failed because their server did not start"}},
		{"all skipped", 3, 2, 3, outcome(rundir.OutcomeSkipped), []string{"no recommendation", "18 trials skipped"}},
		{"zeros", 3, 2, 3, fill(0), []string{"no recommendation", throughput + " is 0"}},
		{"equal values", 3, 2, 3, fill(2.5), []string{"its trials do not differ at all"}},
		{"negative", 3, 2, 3, fill(-1), []string{"no recommendation", "none that can be measured"}},
		{"not a number", 3, 2, 3, fill(math.NaN()), []string{"none that can be measured"}},
		{"infinite", 3, 2, 3, fill(math.Inf(1)), []string{"none that can be measured"}},
		{"smallest", 3, 2, 3, fill(math.SmallestNonzeroFloat64), []string{"none that can be measured"}},
		{"one latency of zero", 3, 2, 3, func(r *run) { r.in.Trials[0].Metrics["ttft_p50"] = 0 }, []string{"! 0 s "}},
		{"metric missing in half of the cells", 3, 2, 3, func(r *run) {
			for _, t := range r.in.Trials {
				if t.LoadPoint == "p1" {
					delete(t.Metrics, throughput)
				}
			}
		}, []string{"at chat poisson 1/s"}},
		{"two blocks with a hole", 3, 2, 2, func(r *run) { r.in.Trials = r.in.Trials[1:] }, []string{"1 of 6 measured cells with one trial"}},
		{"baseline never counts", 3, 2, 3, func(r *run) {
			for i := range r.in.Trials {
				if r.in.Trials[i].Configuration == "c0" {
					r.in.Trials[i].Outcome = rundir.OutcomeFailed
				}
			}
		}, []string{"no baseline trial counts"}},
		{"blocks in common with nobody", 2, 1, 3, func(r *run) {
			for i := range r.in.Trials {
				if (r.in.Trials[i].Configuration == "c0") != (r.in.Trials[i].Block == 1) {
					r.in.Trials[i].Outcome = rundir.OutcomeInvalid
				}
			}
		}, nil},
		{"no trials", 3, 2, 0, nil, []string{"no recommendation", "no trial counts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			r := newRun(c.configurations, c.points)
			r.blocks(rng, c.blocks, normal(rng))
			r.in.UseCases = []experiment.UseCase{{
				Name: "most", Objective: throughput, Maximize: true, Load: "chat",
				SubjectTo: []experiment.Constraint{{Metric: "e2e_p50", Op: experiment.AtMost, Value: 10}},
			}}
			r.in.SLO = []experiment.Constraint{{Metric: "ttft_p50", Op: experiment.AtMost, Value: 5}}
			if c.change != nil {
				c.change(r)
			}
			f := analyse(t, r)
			var b strings.Builder
			if err := f.WriteText(&b); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(b.String()), " ")
			if bad := nonsense.FindString(text); bad != "" {
				t.Errorf("the text says %q:\n%s", bad, b.String())
			}
			for _, want := range c.want {
				if word, no := strings.CutPrefix(want, "!"); strings.Contains(text, word) == no {
					t.Errorf("want %q:\n%s", want, b.String())
				}
			}
		})
	}
}
