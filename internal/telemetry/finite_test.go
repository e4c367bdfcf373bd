package telemetry

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// allFinite fails the test where a kept value is no finite number.
func allFinite(t *testing.T, values map[string]float64) {
	t.Helper()
	for name, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > largest {
			t.Errorf("%s is %v", name, v)
		}
	}
}

// What nvidia-smi, a dcgm-exporter or an engine states that is no finite number
// is absent, with the reason; the rest of the same reading is kept.
func TestValuesThatAreNoNumbers(t *testing.T) {
	for _, bad := range []string{"NaN", "Inf", "-Inf", "1e300"} {
		t.Run(bad, func(t *testing.T) {
			columns := make([]string, 16)
			for i := range columns {
				columns[i] = bad
			}
			columns[0], columns[1], columns[2], columns[3], columns[6] = "0", "a GPU", "GPU-1", "550.1", "40"
			rows, err := parseSMI(strings.Join(columns, ", ") + "\n")
			if err != nil {
				t.Fatal(err)
			}
			s := rows[0].sample
			allFinite(t, s.Values)
			if s.Values[Temperature] != 40 || s.Unusable[Power] == "" || s.Unusable[MemoryUsed] == "" || rows[0].device.MemoryBytes != 0 {
				t.Errorf("%+v", rows[0])
			}

			page := fmt.Sprintf("DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"} 40\nDCGM_FI_DEV_POWER_USAGE{gpu=\"0\"} %s\n", bad)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }))
			defer srv.Close()
			g, err := OpenDCGM(t.Context(), srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			samples, err := g.Sample(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			allFinite(t, samples[0].Values)
			if samples[0].Values[Temperature] != 40 || samples[0].Unusable[Power] == "" {
				t.Errorf("%+v", samples[0])
			}

			e, err := parseEngine(strings.NewReader(strings.ReplaceAll(`vllm:num_requests_running 3
vllm:kv_cache_usage_perc BAD
vllm:generation_tokens_total BAD
process_start_time_seconds BAD
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.1"} 1
vllm:time_to_first_token_seconds_bucket{le="+Inf"} 2
vllm:time_to_first_token_seconds_sum BAD
vllm:time_to_first_token_seconds_count 2
# TYPE vllm:e2e_request_latency_seconds histogram
vllm:e2e_request_latency_seconds_bucket{le="BAD"} 1
vllm:e2e_request_latency_seconds_bucket{le="+Inf"} 2
vllm:e2e_request_latency_seconds_sum 3
vllm:e2e_request_latency_seconds_count 2
`, "BAD", bad)))
			if err != nil {
				t.Fatal(err)
			}
			allFinite(t, e.Values)
			for _, q := range []string{KVCacheUsage, GenerationTokens, ProcessStart, ServerTTFT} {
				if e.Unusable[q] == "" {
					t.Errorf("no reason for %s: %v", q, e.Unusable)
				}
			}
			if _, ok := e.Histograms[ServerTTFT]; ok || e.Values[Running] != 3 {
				t.Errorf("%+v", e)
			}
			for name, h := range e.Histograms {
				if v, width, ok := h.Quantile(0.5); ok && (math.IsNaN(v+width) || math.IsInf(v+width, 0)) {
					t.Errorf("%s: the median is %v of %v", name, v, width)
				}
			}
		})
	}
}
