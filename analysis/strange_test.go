package analysis

import (
	"encoding/json"
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

// sentences are all texts of the findings, one a line.
func sentences(t *testing.T, f *Findings) string {
	t.Helper()
	raw, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString(v + "\n")
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(tree)
	return b.String()
}

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
		want                   []string // in the findings' sentences and codes; "!" before it: not in them
		refused                bool     // nothing is recommended
	}{
		{"one cell", 1, 1, 3, nil, []string{"only-candidate"}, false},
		{"two cells", 2, 1, 3, nil, []string{"!only-candidate"}, false},
		{"one trial each", 3, 2, 1, nil, []string{"single-trials"}, false},
		{"all invalid", 3, 2, 3, outcome(rundir.OutcomeInvalid), []string{"nothing-counts", "trials-discarded"}, true},
		{"all failed", 3, 2, 3, outcome(rundir.OutcomeFailed), []string{"trials-failed"}, true},
		{"all skipped", 3, 2, 3, outcome(rundir.OutcomeSkipped), []string{"trials-skipped"}, true},
		{"zeros", 3, 2, 3, fill(0), []string{"objective-zero"}, true},
		{"equal values", 3, 2, 3, fill(2.5), []string{"no-scatter"}, false},
		{"negative", 3, 2, 3, fill(-1), []string{"cannot be right"}, true},
		{"not a number", 3, 2, 3, fill(math.NaN()), []string{"cannot be right"}, true},
		{"infinite", 3, 2, 3, fill(math.Inf(1)), []string{"cannot be right"}, true},
		{"smallest", 3, 2, 3, fill(math.SmallestNonzeroFloat64), []string{"cannot be right"}, true},
		{"one latency of zero", 3, 2, 3, func(r *run) { r.in.Trials[0].Metrics["ttft_p50"] = 0 }, []string{"! 0 s "}, false},
		{"metric missing in half of the cells", 3, 2, 3, func(r *run) {
			for _, t := range r.in.Trials {
				if t.LoadPoint == "p1" {
					delete(t.Metrics, throughput)
				}
			}
		}, []string{"at chat poisson 1/s"}, false},
		{"two blocks with a hole", 3, 2, 2, func(r *run) { r.in.Trials = r.in.Trials[1:] }, []string{"single-trials"}, false},
		{"baseline never counts", 3, 2, 3, func(r *run) {
			for i := range r.in.Trials {
				if r.in.Trials[i].Configuration == "c0" {
					r.in.Trials[i].Outcome = rundir.OutcomeFailed
				}
			}
		}, []string{"baseline-missing"}, false},
		{"blocks in common with nobody", 2, 1, 3, func(r *run) {
			for i := range r.in.Trials {
				if (r.in.Trials[i].Configuration == "c0") != (r.in.Trials[i].Block == 1) {
					r.in.Trials[i].Outcome = rundir.OutcomeInvalid
				}
			}
		}, nil, false},
		{"no trials", 3, 2, 0, nil, []string{"nothing-counts"}, true},
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
			text := sentences(t, f)
			if bad := nonsense.FindString(text); bad != "" {
				t.Errorf("the findings say %q:\n%s", bad, text)
			}
			if refused := len(f.Recommendations[0].Refused) > 0; refused != c.refused {
				t.Errorf("refused: %v (%s)", refused, f.Recommendations[0].Refused)
			}
			for _, want := range c.want {
				if word, no := strings.CutPrefix(want, "!"); strings.Contains(text, word) == no {
					t.Errorf("want %q:\n%s", want, text)
				}
			}
		})
	}
}
