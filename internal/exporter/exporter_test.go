package exporter

import (
	"bytes"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/importer"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// measured is a run directory with one real trial, one that failed, and one
// whose requests are not stored.
func measured(t *testing.T) *rundir.Run {
	t.Helper()
	s, err := mock.Start(mock.Options{TTFT: 10 * time.Millisecond, ITL: 2 * time.Millisecond, Fault: func(n int) mock.Fault {
		if n == 5 {
			return mock.Fault{Kind: mock.Status, Code: 500}
		}
		return mock.Fault{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	res, err := loadgen.Run(t.Context(), loadgen.Config{
		BaseURL: s.URL, Model: "m", API: loadgen.Completions, Arrivals: loadgen.Arrivals{Kind: loadgen.Constant, Rate: 100},
		Prompt: loadgen.Lengths{Kind: loadgen.Fixed, Mean: 12}, Output: loadgen.Lengths{Kind: loadgen.Fixed, Mean: 6},
		Requests: 40, Timeout: time.Minute, IgnoreEOS: true, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	plan, placed, starts, err := matrix.Imported("x", "m", "", []matrix.Observation{
		{Label: "a", Load: "chat", Kind: "constant", Value: 100}, {Label: "a", Load: "chat", Kind: "concurrency", Value: 4}, {Label: "a", Load: "chat", Kind: "concurrency", Value: 8},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := rundir.Create(t.TempDir(), "x", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.Init([]byte("#"), plan, rundir.Provenance{RunID: "x"}); err != nil {
		t.Fatal(err)
	}
	sum := loadgen.Summarize(res, loadgen.SummaryOptions{})
	for i, p := range placed {
		cell, _ := plan.Cell(p.Cell)
		rec := rundir.Trial{ID: p.ID, Cell: cell.ID, Configuration: cell.Configuration, LoadPoint: cell.LoadPoint, Start: starts[i], Block: 1, Order: i + 1, Outcome: rundir.OutcomeOK}
		switch i {
		case 0:
			rec.Began, rec.Ended, rec.Rate = res.Start, res.Start.Add(res.End), 100
			rec.Metrics, rec.Requests, rec.Window = sum.Metrics, map[string]int{"ok": 39, "http": 1}, sum.Window.Seconds()
			sub, err := dir.TrialDir(rec.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := atomicfile.Write(filepath.Join(sub, "requests.parquet"), func(w io.Writer) error { return loadgen.WriteParquet(w, res) }); err != nil {
				t.Fatal(err)
			}
		case 1:
			rec.Outcome, rec.Reasons = rundir.OutcomeFailed, []notice.Notice{notice.New("did-not-start", notice.Args{"class": notice.Text("kv-cache"), "cause": notice.Text("too small")})}
		case 2:
			rec.Metrics = map[string]float64{"ttft_sent_p50": 0.02, "tpot_mean": 0.003, "request_throughput": 5}
			rec.Requests, rec.Window = map[string]int{"ok": 50}, 10
		}
		if err := dir.WriteTrial(rec); err != nil {
			t.Fatal(err)
		}
	}
	run, err := rundir.Read(dir.Path)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// exported writes the run to a file of that name.
func exported(t *testing.T, run *rundir.Run, format, name string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, run, format, "test"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is exported is read back as the tool's own files are, with the same
// numbers: the two halves check each other.
func TestExportReadsBack(t *testing.T) {
	run := measured(t)
	results, _, err := importer.Read(exported(t, run, VLLMBench, "r.jsonl"), importer.Options{As: VLLMBench})
	if err != nil || len(results) != 2 { // the trial that failed has no place there
		t.Fatalf("%d results, %v", len(results), err)
	}
	r, want := results[0], run.Trials[0]
	if !r.Recomputed() || r.Model != "m" || r.Load.Kind != "constant" || r.Load.Value != 100 || r.Requests["ok"] != 39 {
		t.Errorf("%+v", r)
	}
	for _, m := range []string{
		"ttft_sent_mean", "ttft_sent_p50", "tpot_mean", "tpot_p50", "itl_mean",
		"e2e_sent_mean", "e2e_sent_p90", "error_rate",
	} {
		if got := r.Metrics[m]; want.Metrics[m] > 0 && math.Abs(got/want.Metrics[m]-1) > 1e-3 {
			t.Errorf("%s = %v, stored %v", m, got, want.Metrics[m])
		}
	}
	s := results[1]
	if s.Recomputed() || s.Metrics["ttft_sent_p50"] != 0.02 || math.Abs(s.Metrics["tpot_mean"]-0.003) > 1e-9 {
		t.Errorf("summary only: %v", s.Metrics)
	}
}

func TestCSVHoldsEveryTrial(t *testing.T) {
	run := measured(t)
	path := exported(t, run, CSV, "r.csv")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if head := strings.Join(rows[0], ","); !strings.Contains(head, "ttft_p50_s") || !strings.Contains(head, "request_throughput") || !strings.Contains(strings.Join(rows[2], ","), "The server did not start (kv-cache): too small.,did-not-start,") {
		t.Errorf("%s\n%v", head, rows[2])
	}
}

func TestParquetHoldsEveryRequest(t *testing.T) {
	run := measured(t)
	f, err := os.Open(exported(t, run, Parquet, "r.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	rows, err := parquet.Read[requestRow](f, info.Size())
	if err != nil || len(rows) != 40 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	ok := 0
	for _, r := range rows {
		if r.Class == "ok" {
			ok++
			if r.First <= r.Sent || len(r.Gaps) != 5 || r.Label != "a" || r.Trial != run.Trials[0].ID {
				t.Errorf("%+v", r)
			}
		}
	}
	if ok != 39 {
		t.Errorf("%d of 40 succeeded", ok)
	}
	if err := Write(io.Discard, run, "xml", ""); err == nil {
		t.Error("an unknown format was written")
	}
}
