package facts

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// Quotients that do not fit a number are absent, so that the record can be
// written, and what a source stated that was no measurement is named there.
func TestFactsCanAlwaysBeWritten(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rec := telemetry.Recorded{Began: from, Ended: from.Add(20 * time.Second), GPUEvery: time.Second, Counts: map[string]telemetry.Count{
		telemetry.SourceGPU: {Reads: 20, Unusable: map[string]string{telemetry.Temperature: "the source says NaN"}},
	}}
	for i := range 21 {
		at := from.Add(time.Duration(i) * time.Second)
		for metric, v := range map[string]float64{telemetry.Energy: 5e-324 * float64(i), telemetry.SMClock: 5e-324 * float64(i), telemetry.Power: 1e100} {
			if metric == telemetry.SMClock && i > 15 {
				v = 1e100
			}
			rec.Readings = append(rec.Readings, telemetry.Reading{At: at, Source: telemetry.SourceGPU, Metric: metric, Value: v})
		}
	}
	d := Derive(rec, Trial{From: from, To: from.Add(20 * time.Second), OutputTokens: 1e9, Requests: 10})
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"absent":{"temperature_celsius":"the source says NaN"}`) {
		t.Errorf("%s", text)
	}
}
