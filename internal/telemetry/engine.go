package telemetry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Limits of one scrape: a server that hangs or floods must not hold a trial up.
const (
	scrapeTimeout = 5 * time.Second
	scrapeLimit   = 16 << 20 // bytes
)

// Engine holds the engine's own counters at one moment. A counter that the
// server does not offer is nil. Names follow vllm/v1/metrics/loggers.py; where
// vLLM renamed one, both generations are read.
type Engine struct {
	Preemptions        *float64
	PrefixCacheQueries *float64 // tokens
	PrefixCacheHits    *float64 // tokens
	GenerationTokens   *float64
	KVCacheUsage       *float64 // 0..1
	Running, Waiting   *float64
}

// direct goes through no proxy and keeps no connection: the server is the one
// under load, and its port may be another server's a minute later.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ScrapeEngine reads baseURL/metrics.
func ScrapeEngine(ctx context.Context, baseURL string) (Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/metrics", nil)
	if err != nil {
		return Engine{}, err
	}
	resp, err := direct.Do(req)
	if err != nil {
		return Engine{}, fmt.Errorf("scrape engine metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Engine{}, fmt.Errorf("scrape engine metrics: GET %s/metrics: %s", baseURL, resp.Status)
	}
	return parseEngine(io.LimitReader(resp.Body, scrapeLimit))
}

func parseEngine(r io.Reader) (Engine, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return Engine{}, fmt.Errorf("read engine metrics: %w", err)
	}
	return Engine{
		Preemptions:        sum(families, "vllm:num_preemptions_total", "vllm:num_preemptions"),
		PrefixCacheQueries: sum(families, "vllm:prefix_cache_queries_total", "vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries_total"),
		PrefixCacheHits:    sum(families, "vllm:prefix_cache_hits_total", "vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits_total"),
		GenerationTokens:   sum(families, "vllm:generation_tokens_total", "vllm:generation_tokens"),
		KVCacheUsage:       sum(families, "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
		Running:            sum(families, "vllm:num_requests_running"),
		Waiting:            sum(families, "vllm:num_requests_waiting"),
	}, nil
}

// sum adds a family over its label sets (one per engine of a data-parallel
// server); the first of the names that exists is taken.
func sum(families map[string]*dto.MetricFamily, names ...string) *float64 {
	for _, name := range names {
		f, ok := families[name]
		if !ok {
			continue
		}
		var total float64
		for _, m := range f.GetMetric() {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
		return &total
	}
	return nil
}
