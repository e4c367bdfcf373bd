package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// collector renders the drivers' meters under vLLM's names (v1/metrics/
// loggers.py). Counters end in _total.
type collector struct{ s *Server }

// Describe sends nothing: the collector is unchecked, its families depend on
// the configuration.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, d := range c.s.drivers {
		d.mu.Lock()
		e := exporter{out: out, labels: prometheus.Labels{"model_name": c.s.opts.Served[0], "engine": strconv.Itoa(d.index)}}
		e.meter(d.meter)
		if c.s.opts.OldMetrics {
			e.old(d.meter)
		}
		d.mu.Unlock()
		e.info("vllm:cache_config_info", "Information of the LLMEngine CacheConfig", c.s.cacheInfo(d))
	}
}

type exporter struct {
	out    chan<- prometheus.Metric
	labels prometheus.Labels
}

func (e exporter) with(key, value string) exporter {
	labels := prometheus.Labels{key: value}
	for k, v := range e.labels {
		labels[k] = v
	}
	return exporter{e.out, labels}
}

func (e exporter) send(kind prometheus.ValueType, name, help string, v float64) {
	e.out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, e.labels), kind, v)
}

func (e exporter) gauge(name, help string, v float64) { e.send(prometheus.GaugeValue, name, help, v) }

func (e exporter) counter(name, help string, v uint64) {
	e.send(prometheus.CounterValue, name+"_total", help, float64(v))
}

func (e exporter) info(name, help string, labels map[string]string) {
	for k, v := range labels {
		e = e.with(k, v)
	}
	e.gauge(name, help, 1)
}

func (e exporter) histogram(name, help string, h *histogram) {
	buckets := make(map[float64]uint64, len(h.bounds))
	var below uint64
	for i, bound := range h.bounds {
		below += h.counts[i]
		buckets[bound] = below
	}
	e.out <- prometheus.MustNewConstHistogram(prometheus.NewDesc(name, help, nil, e.labels), h.n, h.sum, buckets)
}

func (e exporter) meter(m *meter) {
	e.gauge("vllm:num_requests_running", "Number of requests in model execution batches.", float64(m.running))
	e.gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", float64(m.waiting))
	e.with("reason", "capacity").gauge("vllm:num_requests_waiting_by_reason", "Number of waiting requests by reason.", float64(m.waiting))
	e.with("reason", "deferred").gauge("vllm:num_requests_waiting_by_reason", "Number of waiting requests by reason.", 0)
	e.gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", m.usage)
	for state, on := range map[string]bool{"awake": m.sleeping == 0, "weights_offloaded": m.sleeping == 1, "discard_all": m.sleeping == 2} {
		v := 0.0
		if on {
			v = 1
		}
		e.with("sleep_state", state).gauge("vllm:engine_sleep_state", "Engine sleep state.", v)
	}
	e.counter("vllm:prefix_cache_queries", "Prefix cache queries, in terms of number of queried tokens.", uint64(m.stats.PrefixQueries))
	e.counter("vllm:prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens.", uint64(m.stats.PrefixHits))
	for _, cache := range []string{"external_prefix_cache", "mm_cache"} { // neither exists here: zero, as in vLLM
		e.counter("vllm:"+cache+"_queries", "Queries of the cache of this name.", 0)
		e.counter("vllm:"+cache+"_hits", "Hits of the cache of this name.", 0)
	}
	e.counter("vllm:num_preemptions", "Cumulative number of preemptions.", uint64(m.stats.Preemptions))
	e.counter("vllm:prompt_tokens", "Number of prefill tokens processed.", m.promptTokens)
	e.counter("vllm:prompt_tokens_cached", "Number of prompt tokens found in the prefix cache.", m.cachedTokens)
	e.with("source", "local_compute").counter("vllm:prompt_tokens_by_source", "Number of prompt tokens by source.", m.promptTokens-m.cachedTokens)
	e.with("source", "local_cache_hit").counter("vllm:prompt_tokens_by_source", "Number of prompt tokens by source.", m.cachedTokens)
	e.counter("vllm:generation_tokens", "Number of generation tokens processed.", m.generated)
	for reason, n := range map[string]uint64{"stop": m.stop, "length": m.length, "abort": m.aborted, "error": 0, "repetition": 0} {
		e.with("finished_reason", reason).counter("vllm:request_success", "Count of finished requests.", n)
	}
	e.histogram("vllm:time_to_first_token_seconds", "Time to first token in seconds.", m.ttft)
	e.histogram("vllm:inter_token_latency_seconds", "Inter-token latency in seconds.", m.itl)
	e.histogram("vllm:request_time_per_output_token_seconds", "Mean time per output token of a request in seconds.", m.tpot)
	e.histogram("vllm:e2e_request_latency_seconds", "End to end request latency in seconds.", m.e2e)
	e.histogram("vllm:request_queue_time_seconds", "Time spent in WAITING phase.", m.queue)
	e.histogram("vllm:request_inference_time_seconds", "Time spent in RUNNING phase.", m.inference)
	e.histogram("vllm:request_prefill_time_seconds", "Time spent in PREFILL phase.", m.prefill)
	e.histogram("vllm:request_decode_time_seconds", "Time spent in DECODE phase.", m.decode)
	e.histogram("vllm:iteration_tokens_total", "Number of tokens per engine step.", m.iteration)
	e.histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.", m.prompt)
	e.histogram("vllm:request_generation_tokens", "Number of generation tokens processed.", m.generation)
	e.histogram("vllm:request_max_num_generation_tokens", "Maximum number of requested generation tokens.", m.generation)
	e.histogram("vllm:request_params_max_tokens", "The max_tokens request parameter.", m.params)
	e.histogram("vllm:request_params_n", "The n request parameter.", m.paramsN)
	e.histogram("vllm:request_prefill_kv_computed_tokens", "New KV tokens computed during prefill.", m.kvIn)
}

// old are the names that vLLM deprecated in 2025 and served beside the new
// ones until 0.12.
func (e exporter) old(m *meter) {
	e.gauge("vllm:gpu_cache_usage_perc", "Deprecated: vllm:kv_cache_usage_perc.", m.usage)
	e.counter("vllm:gpu_prefix_cache_queries", "Deprecated: vllm:prefix_cache_queries.", uint64(m.stats.PrefixQueries))
	e.counter("vllm:gpu_prefix_cache_hits", "Deprecated: vllm:prefix_cache_hits.", uint64(m.stats.PrefixHits))
	e.histogram("vllm:time_per_output_token_seconds", "Deprecated: vllm:inter_token_latency_seconds.", m.itl)
}

// metricsHandler serves the registry of one server.
func (s *Server) metricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
