package metric

import (
	"math"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]Metric{
		"ttft_p95":                  {"ttft_p95", "ttft", "p95", Seconds, Lower},
		"e2e_mean":                  {"e2e_mean", "e2e", "mean", Seconds, Lower},
		"itl_p99.9":                 {"itl_p99.9", "itl", "p99.9", Seconds, Lower},
		"ttft_sent_p50":             {"ttft_sent_p50", "ttft_sent", "p50", Seconds, Lower},
		"output_throughput":         {"output_throughput", "output_throughput", "", Tokens, Higher},
		"goodput":                   {"goodput", "goodput", "", Requests, Higher},
		"output_throughput_per_gpu": {"output_throughput_per_gpu", "output_throughput_per_gpu", "", TokensGPU, Higher},
		"error_rate":                {"error_rate", "error_rate", "", Fraction, Lower},
	} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, name := range []string{
		"", "_", "ttft", "ttft_", "_p95", "ttft_p96", "ttft_P95", "TTFT_p95", " ttft_p95", "ttft p95", "tft_p95",
		"ttft_sent", "throughput", "goodput_p50", "output_throughput_mean", "p95",
	} {
		if got, err := Parse(name); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", name, got)
		}
	}
}

func TestEveryNameParsesAndHasATitle(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("names are not sorted and unique")
	}
	for _, name := range names {
		m, err := Parse(name)
		if err != nil || m.Name != name || m.Unit == "" {
			t.Errorf("Parse(%q) = %+v, %v", name, m, err)
		}
		if title := Title(name); title == "" || title != "goodput" && title == name {
			t.Errorf("Title(%q) = %q", name, title)
		}
	}
	if got := Title("ttft_p95"); got != "time to first token, p95" {
		t.Errorf("Title = %q", got)
	}
	for name, want := range map[string]string{"ttft_p50": "TTFT p50", "e2e_sent_p99.9": "E2E from send p99.9", "goodput": "goodput", "no_such": "no_such"} {
		if got := Short(name); got != want {
			t.Errorf("Short(%q) = %q, want %q", name, got, want)
		}
	}
	if got := Title("no_such"); got != "no_such" {
		t.Errorf("Title of an unknown name = %q", got)
	}
}

func TestQuantile(t *testing.T) {
	want := map[string]float64{"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p97": 0.97, "p99": 0.99, "p99.9": 0.999}
	for _, stat := range append(Stats(), "", "p", "p0", "p100", "p95x", "P95", "95", "median") {
		got, ok := Quantile(stat)
		q, valid := want[stat]
		if ok != valid || math.Abs(got-q) > 1e-12 {
			t.Errorf("Quantile(%q) = %v, %v; want %v, %v", stat, got, ok, q, valid)
		}
	}
}
