package telemetry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const metricsText = `# HELP vllm:num_preemptions_total Cumulative number of preemptions.
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="m"} 3.0
vllm:num_preemptions_total{engine="1",model_name="m"} 4.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1e+06
# TYPE something_unknown histogram
something_unknown_bucket{le="+Inf"} 1
something_unknown_sum 2
something_unknown_count 1
`

func TestParseEngineBothGenerations(t *testing.T) {
	e, err := parseEngine(strings.NewReader(metricsText))
	if err != nil {
		t.Fatal(err)
	}
	if e.Preemptions == nil || *e.Preemptions != 7 || e.KVCacheUsage == nil || *e.KVCacheUsage != 0.25 || *e.PrefixCacheQueries != 1e6 {
		t.Errorf("got %+v", e)
	}
	if e.PrefixCacheHits != nil || e.Running != nil {
		t.Error("a counter that is not offered must be nil")
	}
	old, err := parseEngine(strings.NewReader("# TYPE vllm:gpu_cache_usage_perc gauge\nvllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n"))
	if err != nil || old.KVCacheUsage == nil || *old.KVCacheUsage != 0.5 {
		t.Errorf("old name: %+v, %v", old, err)
	}
}

func TestScrapeEngineFailures(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	if _, err := ScrapeEngine(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("404: %v", err)
	}
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer html.Close()
	if _, err := ScrapeEngine(t.Context(), html.URL); err == nil {
		t.Error("HTML was accepted")
	}
}

func TestParseSMI(t *testing.T) {
	rows, err := parseSMI("0, NVIDIA H100 80GB HBM3, GPU-1, 570.10, 81559, 1024, 41, 97, 312.50, 1980\n1, NVIDIA H100 80GB HBM3, GPU-2, 570.10, 81559, 4, 35, 0, [N/A], [N/A]\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Sample{Index: 0, MemoryUsed: 1 << 30, Temperature: 41, Utilisation: 0.97, Power: 312.5, SMClock: 1980}
	if diff := cmp.Diff(want, rows[0].sample); diff != "" {
		t.Error(diff)
	}
	if rows[1].sample.Power != 0 || rows[1].device.MemoryBytes != 81559<<20 || rows[1].driver != "570.10" {
		t.Errorf("second row: %+v", rows[1])
	}
	if _, err := parseSMI("No devices were found\n"); err == nil {
		t.Error("a message was accepted as a table")
	}
	if _, err := parseSMI(""); !errors.Is(err, ErrNoGPU) {
		t.Errorf("empty: %v", err)
	}
}

func TestMissingSMIIsNoGPU(t *testing.T) {
	if _, err := openSMI(t.Context(), "nvidia-smi-that-does-not-exist"); !errors.Is(err, ErrNoGPU) {
		t.Errorf("err = %v", err)
	}
}

// scripted is a GPU whose samples are given.
type scripted struct {
	samples []Sample // one a call; the last repeats
	calls   int
}

func (*scripted) Source() string    { return "scripted" }
func (*scripted) Driver() string    { return "" }
func (*scripted) Devices() []Device { return nil }
func (*scripted) Close() error      { return nil }
func (s *scripted) Sample(context.Context) ([]Sample, error) {
	i := min(s.calls, len(s.samples)-1)
	s.calls++
	return []Sample{s.samples[i]}, nil
}

func TestCooldown(t *testing.T) {
	rule := CooldownRule{AtLeast: 5 * time.Second, AtMost: 20 * time.Second, Temperature: 50, Memory: 1 << 30}
	cooling := &scripted{samples: []Sample{{Temperature: 70}, {Temperature: 55}, {Temperature: 49, MemoryUsed: 2 << 30}, {Temperature: 48}}}
	hot := &scripted{samples: []Sample{{Temperature: 80}}}
	for _, tc := range []struct {
		name    string
		rule    CooldownRule
		gpus    GPUs
		waited  time.Duration
		reached bool
		detail  string
	}{
		{"no conditions", CooldownRule{AtLeast: 3 * time.Second}, nil, 3 * time.Second, true, ""},
		{"no GPUs", rule, nil, 5 * time.Second, false, "the GPUs cannot be read"},
		{"cools", rule, cooling, 8 * time.Second, true, ""},
		{"stays hot", rule, hot, 20 * time.Second, false, "GPU 0 at 80 °C, 50 wanted"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := Cooldown(t.Context(), tc.rule, tc.gpus)
				want := CooldownResult{Waited: tc.waited, Reached: tc.reached, Detail: tc.detail}
				if err != nil || got != want {
					t.Errorf("got %+v, %v; want %+v", got, err, want)
				}
			})
		})
	}
}

func TestCooldownEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r, err := Cooldown(ctx, CooldownRule{AtLeast: time.Hour}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || r.Waited != 2*time.Second {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestReadHost(t *testing.T) {
	if h := ReadHost(); h.Cores < 1 || h.OS == "" {
		t.Errorf("got %+v", h)
	}
}
