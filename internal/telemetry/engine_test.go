package telemetry

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parseFile reads a page of testdata. The pages are written from the names and
// buckets of facts about the releases, not captured; unknown metrics, infos and
// odd values are among them.
func parseFile(t *testing.T, name string) Engine {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e, err := parseEngine(f)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDialects(t *testing.T) {
	for _, tc := range []struct {
		file, dialect string
		values        map[string]float64
		ttft, itl     float64 // counts; 0: no histogram
	}{
		{"vllm-2026.prom", "vllm", map[string]float64{
			Running: 7, Waiting: 3, KVCacheUsage: 0.375, Preemptions: 7, PrefixCacheQueries: 1.5e6, PrefixCacheHits: 250000,
			PromptTokens: 123456, GenerationTokens: 65432, ProcessStart: 1.7e9,
		}, 30, 900},
		{"vllm-2025.prom", "vllm", map[string]float64{
			Running: 4, Waiting: 0, KVCacheUsage: 0.5, Preemptions: 2, PrefixCacheQueries: 1000, PrefixCacheHits: 10,
			PromptTokens: 500, GenerationTokens: 300, ProcessStart: 1.7e9,
		}, 3, 40},
		{"sglang.prom", "sglang", map[string]float64{
			Running: 5, Waiting: 1, KVCacheUsage: 0.28, HitRate: 0.0075, Preemptions: 4, PrefixCacheHits: 12,
			PromptTokens: 8128902, GenerationTokens: 7557572,
		}, 11, 400},
		{"llamacpp.prom", "llama.cpp", map[string]float64{
			Running: 1, Waiting: 2, PromptTokens: 48, PrefixCacheQueries: 48, PrefixCacheHits: 36, GenerationTokens: 34,
		}, 0, 0},
	} {
		t.Run(tc.file, func(t *testing.T) {
			e := parseFile(t, tc.file)
			if e.Dialect != tc.dialect {
				t.Errorf("dialect %s", e.Dialect)
			}
			for name, want := range tc.values {
				if got, ok := e.Values[name]; !ok || math.Abs(got-want) > 1e-9*want {
					t.Errorf("%s: %v (offered %v), want %v", name, got, ok, want)
				}
			}
			if len(e.Values) != len(tc.values) {
				t.Errorf("values %v, want %v", e.Values, tc.values)
			}
			if got := e.Histograms[ServerTTFT].Count; got != tc.ttft {
				t.Errorf("TTFT of %v requests, want %v", got, tc.ttft)
			}
			if got := e.Histograms[ServerITL].Count; got != tc.itl {
				t.Errorf("ITL of %v gaps, want %v", got, tc.itl)
			}
		})
	}
}

// What is wrong in a metric that nobody asked for harms nothing.
func TestUnknownMetricsAreHarmless(t *testing.T) {
	text := "vllm:future_thing{a=\"b\"} banana\n# TYPE vllm:other nonsense\nvllm:num_requests_running 3\n!!!\n"
	e, err := parseEngine(strings.NewReader(text))
	if err != nil || e.Values[Running] != 3 {
		t.Errorf("%+v, %v", e, err)
	}
}

// A page that lies is an error or leaves the value out; it is never taken.
func TestPagesThatLie(t *testing.T) {
	for name, text := range map[string]string{
		"HTML":                 "<html><body>hello</body></html>",
		"nothing":              "",
		"another program":      "# TYPE go_goroutines gauge\ngo_goroutines 7\n",
		"a wanted value of no": "vllm:num_requests_running banana\n",
		"binary":               "\x00\x01\x02",
	} {
		if e, err := parseEngine(strings.NewReader(text)); err == nil {
			t.Errorf("%s was taken: %+v", name, e)
		}
	}
	e, err := parseEngine(strings.NewReader("vllm:num_requests_running 1\nvllm:kv_cache_usage_perc NaN\nvllm:num_preemptions_total +Inf\n"))
	if err != nil || len(e.Values) != 1 {
		t.Errorf("no numbers: %+v, %v", e, err)
	}
	falling := "# TYPE vllm:time_to_first_token_seconds histogram\n" +
		"vllm:time_to_first_token_seconds_bucket{le=\"1\"} 9\nvllm:time_to_first_token_seconds_bucket{le=\"2\"} 4\n" +
		"vllm:time_to_first_token_seconds_sum 3\nvllm:time_to_first_token_seconds_count 9\nvllm:num_requests_running 1\n"
	if e, err := parseEngine(strings.NewReader(falling)); err != nil || len(e.Histograms) != 0 {
		t.Errorf("a histogram that falls was taken: %+v, %v", e, err)
	}
}

func TestScrapeEngineFailures(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	if _, err := ScrapeEngine(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("404: %v", err)
	}
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x 1\n", 1<<18))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer flood.Close()
	if _, err := ScrapeEngine(t.Context(), flood.URL); err == nil || !strings.Contains(err.Error(), "more than 16 MiB") {
		t.Errorf("a flood: %v", err)
	}
}

func TestHistogramDifferences(t *testing.T) {
	bounds := []float64{1, 2, math.Inf(1)}
	before := Histogram{Bounds: bounds, Counts: []float64{10, 10, 10}, Sum: 5, Count: 10}
	after := Histogram{Bounds: bounds, Counts: []float64{10, 30, 31}, Sum: 45, Count: 31}
	d, ok := after.Since(before)
	if mean, some := d.Mean(); !ok || !some || math.Abs(mean-40.0/21) > 1e-12 {
		t.Errorf("difference %+v, %v", d, ok)
	}
	if v, width, ok := d.Quantile(0.5); !ok || width != 1 || math.Abs(v-1.525) > 1e-9 {
		t.Errorf("median %v of a bucket %v wide, %v", v, width, ok)
	}
	if _, _, ok := d.Quantile(0.99); ok {
		t.Error("a quantile beyond the last bound was made up")
	}
	// 105 requests that waited 22 µs each, in a bucket of 0 to 0.3 s.
	queue := Histogram{Bounds: []float64{0.3, 0.5, math.Inf(1)}, Counts: []float64{105, 105, 105}, Sum: 0.0023, Count: 105}
	if v, _, ok := queue.Quantile(0.5); ok {
		t.Errorf("a median of %v s was read out of the first bucket", v)
	}
	if _, ok := before.Since(after); ok {
		t.Error("a counter that fell was taken for a difference")
	}
}
