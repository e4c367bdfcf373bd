package analysis

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// What docs/statistics.md says of its worked example is what the analysis of
// those records says.
func TestWorkedExample(t *testing.T) {
	run, err := rundir.Read("../docs/worked-example")
	if err != nil {
		t.Fatal(err)
	}
	// Its records are of format 1, where warnings are sentences.
	if w := run.Trials[24].Warnings; run.Trials[24].Format != 1 || !notice.Has(w, "recorded-text") {
		t.Errorf("warnings %q", w)
	}
	f, err := Analyze(Input{Plan: run.Plan, SLO: run.Plan.SLO, UseCases: run.Plan.UseCases, Trials: run.Trials, GPU: "H100"})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/statistics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ label, point, name string }{
		{"max-num-batched-tokens=2048", "chat c=32", throughput},
		{"max-num-seqs=64", "chat c=32", "ttft_p90"},
		{"max-num-seqs=64", "chat c=8", "ttft_p90"},
	} {
		for _, cell := range f.Cells {
			if cell.Label != c.label || cell.PointLabel != c.point {
				continue
			}
			r := cell.Ratios[c.name]
			line := fmt.Sprintf("- `%s` at %s, %s: %s: `%s`", c.label, c.point, metric.Title(c.name), changeText(r), r.Verdict)
			if !strings.Contains(string(doc), line) {
				t.Errorf("docs/statistics.md lacks the line\n%s", line)
			}
		}
	}
	for _, b := range f.Confirm.Cells {
		for _, v := range b.Estimates[throughput].Values {
			if number := fmt.Sprintf(" %d,%05.1f ", int(v.Value)/1000, v.Value-1000); !strings.Contains(string(doc), number) {
				t.Errorf("docs/statistics.md lacks the trial of %s tok/s", number)
			}
		}
	}
}

// The records of a whole experiment on real vLLM: what led the rounds did not
// lead on fresh servers, and the baseline is kept.
func TestRealExample(t *testing.T) {
	run, err := rundir.Read("../docs/worked-example/real")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Analyze(Input{
		Plan: run.Plan, SLO: run.Plan.SLO, UseCases: run.Plan.UseCases, Trials: run.Trials, Starts: run.Starts,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Judge(Input{Plan: run.Plan, Trials: run.Trials}) {
		if r.Outcome != rundir.OutcomeOK {
			t.Errorf("%s is %s: %v", r.ID, r.Outcome, r.Reasons)
		}
	}
	if len(run.Trials) != 66 || len(run.Starts) != 21 {
		t.Errorf("%d trials on %d launches", len(run.Trials), len(run.Starts))
	}
	for _, c := range f.Checks { // max-num-seqs=2 at 4/s queues
		if c.Notice.Code == "client-server" {
			t.Errorf("%s: %s", c.Trial(), c.Notice.Text())
		}
	}
	best := ""
	at := -1.0
	for _, c := range f.Cells {
		if v := c.Estimates[throughput].Center; c.PointLabel == "chat c=8" && v > at {
			best, at = c.Label, v
		}
		if r := c.Ratios["ttft_p50"]; c.Label == "max-num-seqs=2" && c.PointLabel == "chat c=8" && r.Verdict != Worse {
			t.Errorf("max-num-seqs=2 at c=8: %+v", r)
		}
	}
	if best != "block-size=32" {
		t.Errorf("%s leads the rounds", best)
	}
	for _, r := range f.Recommendations {
		if c, _ := run.Plan.Configuration(r.Configuration); !c.Baseline {
			t.Errorf("%s recommends %s", r.UseCase, r.Label)
		}
	}
}
