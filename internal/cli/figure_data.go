package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/plots"
)

// warmup is the warm-up of each trial, 0 when the experiment cannot be read.
func (r *results) warmup() time.Duration {
	if e := r.experiment(); e != nil {
		return e.Trials.Warmup
	}
	return 0
}

// latencies reads the histograms of one trial.
func (r *results) latencies(trial string) (map[string]*hdrhistogram.Histogram, error) {
	f, _, err := boundary.Open(r.run.TrialFile(trial, rundir.HistogramsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return loadgen.ReadHistograms(f)
}

// quantity is what one trace of the night shows.
type quantity struct {
	title, unit    string
	source, metric string
	factor         float64 // from the recorded unit to the drawn one
}

func quantities() []quantity {
	return []quantity{
		{"GPU temperature", "°C", telemetry.SourceGPU, "temperature_celsius", 1},
		{"GPU power", "W", telemetry.SourceGPU, "power_watts", 1},
		{"GPU clock", "MHz", telemetry.SourceGPU, "sm_clock_mhz", 1},
		{"GPU memory in use", "GiB", telemetry.SourceGPU, "memory_used_bytes", 1.0 / (1 << 30)},
		{"KV cache usage", "%", telemetry.SourceEngine, "kv_cache_usage", 100},
		{"Requests running", "", telemetry.SourceEngine, "requests_running", 1},
	}
}

// traces is the telemetry of the run: the files of its starts, one after the
// other. A file that cannot be read is passed over with a warning.
func (r *results) traces() []plots.Trace {
	type key struct{ quantity, device int }
	series := map[key]*plots.TraceSeries{}
	wanted := quantities()
	apart := map[string]bool{} // starts whose engine's metrics are not those of the loads
	for _, t := range r.run.Trials {
		if t.Telemetry != nil && t.Telemetry.ServerAbsent != "" {
			apart[t.Start] = true
		}
	}
	for _, s := range r.run.Starts {
		readings, err := startTelemetry(r.run.StartFile(s.ID, rundir.TelemetryFile))
		if errors.Is(err, os.ErrNotExist) {
			continue // a run of before there was telemetry
		}
		if err != nil {
			r.run.Warnings = append(r.run.Warnings, notice.New("telemetry-unreadable", notice.Args{"error": notice.Text(err.Error())}).On(notice.Launch, s.ID))
			continue
		}
		for _, q := range series { // no line from one start to the next
			if n := len(q.Times); n > 0 {
				q.Times, q.Values = append(q.Times, q.Times[n-1]), append(q.Values, math.NaN())
			}
		}
		for _, reading := range readings {
			i := slices.IndexFunc(wanted, func(q quantity) bool { return q.source == reading.Source && q.metric == reading.Metric })
			if i < 0 || apart[s.ID] && wanted[i].source == telemetry.SourceEngine {
				continue
			}
			k := key{i, reading.Device}
			if series[k] == nil {
				series[k] = &plots.TraceSeries{}
				if reading.Device >= 0 {
					series[k].Name = fmt.Sprintf("GPU %d", reading.Device)
				}
			}
			series[k].Times = append(series[k].Times, reading.At)
			series[k].Values = append(series[k].Values, reading.Value*wanted[i].factor)
		}
	}
	var out []plots.Trace
	for i, q := range wanted {
		t := plots.Trace{Title: q.title, Unit: q.unit}
		for _, k := range slices.SortedFunc(maps.Keys(series), func(a, b key) int { return cmp.Compare(a.device, b.device) }) {
			if k.quantity == i {
				t.Series = append(t.Series, *series[k])
			}
		}
		if len(t.Series) > 0 {
			out = append(out, t)
		}
	}
	return out
}

func startTelemetry(path string) ([]telemetry.Reading, error) {
	f, size, err := boundary.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, readings, err := telemetry.ReadParquet(f, size)
	return readings, err
}
