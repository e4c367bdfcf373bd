package cli

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// The telemetry of the starts becomes one trace a quantity and device, in the
// units that are drawn, with a gap between starts; a damaged file is a warning.
func TestTraces(t *testing.T) {
	began := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	r := &results{run: &rundir.Run{Path: t.TempDir()}}
	for i, id := range []string{"s01-c1", "s02-c2", "s03-c3", "s04-c4"} {
		r.run.Starts = append(r.run.Starts, rundir.Start{ID: id})
		dir := filepath.Join(r.run.Path, "starts", id)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "telemetry.parquet")
		start := began.Add(time.Duration(i) * time.Minute)
		switch id {
		case "s03-c3": // a run of before there was telemetry
			continue
		case "s04-c4":
			if err := os.WriteFile(path, []byte("no parquet"), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		err := atomicfile.Write(path, func(w io.Writer) error {
			return telemetry.WriteParquet(w, start, []telemetry.Reading{
				{At: start.Add(time.Second), Source: telemetry.SourceGPU, Device: 0, Metric: "temperature_celsius", Value: 50 + float64(i)},
				{At: start.Add(time.Second), Source: telemetry.SourceGPU, Device: 1, Metric: "temperature_celsius", Value: 60},
				{At: start.Add(time.Second), Source: telemetry.SourceGPU, Device: 0, Metric: "memory_used_bytes", Value: 3 << 30},
				{At: start.Add(2 * time.Second), Source: telemetry.SourceEngine, Device: -1, Metric: "kv_cache_usage", Value: 0.25},
				{At: start.Add(2 * time.Second), Source: telemetry.SourceHost, Device: -1, Metric: "cpu_share", Value: 0.5},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	traces := r.traces()
	var names []string
	for _, tr := range traces {
		for _, s := range tr.Series {
			names = append(names, strings.TrimSpace(tr.Title+", "+tr.Unit+" "+s.Name))
		}
	}
	want := "GPU temperature, °C GPU 0; GPU temperature, °C GPU 1; GPU memory in use, GiB GPU 0; KV cache usage, %"
	if got := strings.Join(names, "; "); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
	first := traces[0].Series[0]
	if len(first.Values) != 3 || first.Values[0] != 50 || !math.IsNaN(first.Values[1]) || first.Values[2] != 51 || !first.Times[2].Equal(began.Add(61*time.Second)) {
		t.Errorf("temperature of GPU 0: %v at %v", first.Values, first.Times)
	}
	if v := traces[1].Series[0].Values[0]; v != 3 {
		t.Errorf("memory %v GiB, want 3", v)
	}
	if v := traces[2].Series[0].Values[0]; v != 25 {
		t.Errorf("cache %v %%, want 25", v)
	}
	if len(r.run.Warnings) != 1 || r.run.Warnings[0].Code != "telemetry-unreadable" || r.run.Warnings[0].Subject.ID != "s04-c4" {
		t.Errorf("warnings %v", r.run.Warnings)
	}
}
