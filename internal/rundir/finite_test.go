package rundir

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// A value that is not a number costs itself, not the record that it stands in.
func TestRecordsWithValuesThatAreNotFinite(t *testing.T) {
	d, err := Create(t.TempDir(), "odd", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	inf, good := math.Inf(1), 7.5
	trial := Trial{
		ID: "t1", Outcome: OutcomeOK, Began: time.Now().Round(0), Warnings: []notice.Notice{notice.New("no-warmup", nil)},
		Metrics: map[string]float64{"ttft_p50": math.NaN(), "e2e_p50": 2}, Absent: map[string]string{"itl_p50": "no gaps"},
		Client:    &ClientFacts{CPUShare: math.Inf(-1), OfferedRate: 3},
		Engine:    &EngineFacts{KVCacheUsage: &inf, Preemptions: &good},
		Telemetry: &Telemetry{Sources: []TelemetrySource{{Source: "gpu", Gap: math.NaN()}}},
	}
	start := Start{ID: "s1", Outcome: StartReady, Before: &Conditions{}, Logged: &Logged{MaxConcurrency: math.Inf(1)}}
	err = errors.Join(
		d.Init([]byte("name: odd\n"), &matrix.Plan{}, Provenance{}),
		d.WriteTrial(trial), d.WriteStart(start),
		d.Journal.Append(Event{Event: EventLoadsResolved, Detail: "found", Rates: map[string]Rates{"chat": {Synchronous: 1, Saturated: math.NaN()}}}),
		d.Journal.Append(Event{Event: EventRunFinished}),
		d.Close())
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(trial.Metrics["ttft_p50"]) || !math.IsInf(*trial.Engine.KVCacheUsage, 1) {
		t.Error("what the caller holds was changed")
	}
	run, err := Read(d.Path)
	if err != nil || len(run.Trials) != 1 || len(run.Starts) != 1 || len(run.Events) != 2 {
		t.Fatalf("%+v, %v", run, err)
	}
	got := run.Trials[0]
	_, there := got.Metrics["ttft_p50"]
	if there || got.Metrics["e2e_p50"] != 2 || got.Absent["ttft_p50"] != notFinite || got.Absent["itl_p50"] != "no gaps" {
		t.Errorf("metrics %v, absent %v", got.Metrics, got.Absent)
	}
	if got.Client.CPUShare != 0 || got.Client.OfferedRate != 3 || got.Engine.KVCacheUsage != nil || *got.Engine.Preemptions != 7.5 || !got.Began.Equal(trial.Began) {
		t.Errorf("client %+v, engine %+v", got.Client, got.Engine)
	}
	want := []notice.Notice{notice.New("no-warmup", nil)}
	for _, field := range []string{"client.cpu_share", "engine.kv_cache_usage", "telemetry.sources.0.longest_gap_s"} {
		want = append(want, notice.New("value-not-finite", notice.Args{"field": notice.Text(field)}))
	}
	if !slices.EqualFunc(got.Warnings, want, notice.Notice.Equal) {
		t.Errorf("warnings %q", got.Warnings)
	}
	if s := run.Starts[0]; s.Logged.MaxConcurrency != 0 || len(s.Warnings) != 1 {
		t.Errorf("start %+v", s)
	}
	if e := run.Events[0]; e.Rates["chat"].Synchronous != 1 || e.Detail != "found" || !notice.Has(e.Notices, "value-not-finite") {
		t.Errorf("event %+v", e)
	}
}
