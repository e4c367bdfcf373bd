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

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    float64
		want string
	}{
		{"ttft_p95", 0, "0 s"},
		{"ttft_p95", 0.412, "412 ms"},
		{"ttft_p95", 0.0421, "42.1 ms"},
		{"ttft_p95", 0.9994, "999 ms"},
		{"ttft_p95", 0.9996, "1 s"},
		{"ttft_p95", 1, "1 s"},
		{"ttft_p95", 1.726, "1.73 s"},
		{"ttft_p95", 0.0009994, "999 µs"},
		{"ttft_p95", 0.0009996, "1 ms"},
		{"ttft_p95", 0.000012, "12 µs"},
		{"ttft_p95", 9.996, "10 s"},
		{"ttft_p95", 99.96, "100 s"},
		{"ttft_p95", 999.6, "1,000 s"},
		{"ttft_p95", -0.9996, "-1 s"},
		{"ttft_p95", 1e-12, "0.000001 µs"},
		{"ttft_p95", 1e-18, "0 µs"},
		{"output_throughput", 2058.4, "2,058 tok/s"},
		{"output_throughput", 999.6, "1,000 tok/s"},
		{"output_throughput", 1234567.8, "1,234,568 tok/s"},
		{"output_throughput", -1234.5, "-1,235 tok/s"},
		{"output_throughput", 100, "100 tok/s"},
		{"output_throughput", -1e-12, "0 tok/s"},
		{"request_throughput", 0, "0 req/s"},
		{"request_throughput", 4.995, "5 req/s"},
		{"request_throughput", 0.01234, "0.0123 req/s"},
		{"output_throughput_per_gpu", 512, "512 tok/s/GPU"},
		{"error_rate", 0.0123, "1.23 %"},
		{"error_rate", 1, "100 %"},
		{"error_rate", 0, "0 %"},
		{"ttft_p95", math.NaN(), "n/a"},
		{"output_throughput", math.Inf(1), "n/a"},
		{"no_such_metric", 1234.5, "1,235"},
		{"no_such_metric", math.NaN(), "n/a"},
		{"no_such_metric", math.Inf(-1), "n/a"},
	} {
		if got := Format(tc.name, tc.v); got != tc.want {
			t.Errorf("Format(%q, %v) = %q, want %q", tc.name, tc.v, got, tc.want)
		}
	}
}
