package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

const foreignLoads = `
version: 1
name: tools
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  simulated: {}
benchmark: {tool: guidellm, command: [DIR/guidellm]}
loads:
  guided: {prompt_tokens: 32, output_tokens: 8, arrivals: {poisson: 80}, requests: 40}
  benched: {prompt_tokens: 32, output_tokens: 8, arrivals: {concurrency: 4}, requests: 40, benchmark: {tool: vllm, command: [DIR/vllm]}}
  perfed: {prompt_tokens: 32, output_tokens: 8, arrivals: {constant: 40}, requests: 40, benchmark: {tool: aiperf, command: [DIR/aiperf]}}
  ours: {prompt_tokens: 32, output_tokens: 8, arrivals: {concurrency: 4}, requests: 40, benchmark: native}
trials: {repeat: 2, warmup: 100ms}
gates: {requeue: 0}
`

// One experiment, four tools: each trial is made by the tool of its load and
// says so, and the records are otherwise like any other's.
func TestOtherToolsMakeTheLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.ReplaceAll(foreignLoads, "DIR", filepath.Dir(tools.Path(t))))
	res, err := b.run(t.Context())
	if err != nil || res.Failed > 0 {
		t.Fatalf("%v, %+v\n%s", err, res, strings.Join(b.watch.messages, "\n"))
	}
	for _, tr := range b.read().Trials {
		cell, _ := b.plan.Cell(tr.Cell)
		point, _ := b.plan.LoadPoint(cell.LoadPoint)
		tool := map[string]string{"guided": "guidellm", "benched": "vllm-bench", "perfed": "aiperf"}[point.Load]
		dir := filepath.Join(b.dir, "trials", tr.ID)
		if tool == "" {
			if tr.Source != nil {
				t.Errorf("%s: our own generator is said to be %+v", point.Label, tr.Source)
			}
			continue
		}
		if tr.Source == nil || tr.Source.Tool != tool || tr.Client != nil || !strings.Contains(point.Label, " by ") {
			t.Errorf("%s: source %+v, client %+v", point.Label, tr.Source, tr.Client)
			continue
		}
		for _, file := range []string{tr.Source.File, "benchmark.log", "requests.parquet", "latency.hlog"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
		}
		if tr.Requests["ok"] != 40 || tr.Metrics["ttft_mean"] <= 0 || tr.Metrics["output_throughput"] <= 0 {
			t.Errorf("%s: %v %v", point.Label, tr.Requests, tr.Metrics)
		}
		_, itl := tr.Metrics["itl_p50"]
		if itl != (tool != "guidellm") {
			t.Errorf("%s: itl_p50 is there: %v; absent: %s", point.Label, itl, tr.Absent["itl_p50"])
		}
		// Each trial has prompts of its own: no prefix cache may answer them.
		if tr.Engine != nil && tr.Engine.PrefixCacheHits != nil && *tr.Engine.PrefixCacheHits > 0 {
			t.Errorf("%s: %v tokens came from the prefix cache", point.Label, *tr.Engine.PrefixCacheHits)
		}
	}
}

// A tool that fails leaves a failed trial with its last words, and the run goes on.
func TestAToolThatFailsIsARecord(t *testing.T) {
	t.Setenv("FAKE_MODE", "crash")
	b := newBench(t, strings.Replace(strings.ReplaceAll(foreignLoads, "DIR", filepath.Dir(tools.Path(t))), "repeat: 2", "repeat: 1", 1))
	res, err := b.run(t.Context())
	if err != nil || res.Failed != 3 || res.OK+res.Invalid != 1 {
		t.Fatalf("%v, %+v\n%s", err, res, strings.Join(b.watch.messages, "\n"))
	}
	for _, tr := range b.read().Trials {
		if tr.Outcome == rundir.OutcomeFailed && !strings.Contains(notice.Join(tr.Reasons), "worker process died unexpectedly") {
			t.Errorf("%s: %q", tr.ID, tr.Reasons)
		}
	}
}

// A tool that sends another load than it was asked for leaves a trial that does
// not count, with the tool's own warning in its reasons.
func TestAToolThatSendsAnotherLoad(t *testing.T) {
	t.Setenv("FAKE_MODE", "race")
	t.Setenv("FAKE_GUIDELLM_VERSION", "0.8.1")
	b := newBench(t, strings.NewReplacer("DIR", filepath.Dir(tools.Path(t)), "repeat: 2", "repeat: 1").Replace(foreignLoads))
	if res, err := b.run(t.Context()); err != nil || res.Failed > 0 || res.Invalid < 1 {
		t.Fatalf("%v, %+v\n%s", err, res, strings.Join(b.watch.messages, "\n"))
	}
	for _, tr := range b.read().Trials {
		if tr.Source == nil || tr.Source.Tool != "guidellm" {
			continue
		}
		reasons := notice.Join(tr.Reasons)
		for _, want := range []string{"poisson 80/s asks for about", "intended sends cannot be right", "root_late"} {
			if tr.Outcome != rundir.OutcomeInvalid || !strings.Contains(reasons, want) {
				t.Errorf("%s, %q: want %q", tr.Outcome, reasons, want)
			}
		}
	}
}
