package telemetry

// Quantities of an engine, as keys of Engine.Values and as metrics of
// readings. Counters grow since the server started.
const (
	Running            = "requests_running"
	Waiting            = "requests_waiting"
	KVCacheUsage       = "kv_cache_usage"             // 0..1
	HitRate            = "prefix_cache_hit_rate"      // 0..1; a gauge, of engines without counters
	Preemptions        = "preemptions"                // counter
	PrefixCacheQueries = "prefix_cache_query_tokens"  // counter
	PrefixCacheHits    = "prefix_cache_hit_tokens"    // counter
	PromptTokens       = "prompt_tokens"              // counter
	GenerationTokens   = "generation_tokens"          // counter
	ProcessStart       = "process_start_time_seconds" // Unix time of the server's start
	// Histograms, in seconds but for the last.
	ServerTTFT      = "ttft"
	ServerITL       = "itl"
	ServerE2E       = "e2e"
	ServerQueue     = "queue"
	IterationTokens = "iteration_tokens"
)

// A dialect is the names of one family of engines: quantity → names, newest
// first; the first that is offered is taken.
type dialect struct {
	name       string
	prefix     string
	values     map[string][]string
	histograms map[string][]string
	// cachedApart: the counter of prompt tokens leaves out those that came from
	// the cache, which the others count.
	cachedApart bool
}

// dialects in the order in which they are tried.
//
// vLLM: vllm/v1/metrics/loggers.py, releases of 2025 (gpu_ names until
// 2025-11, time_per_output_token until 2026-01) and of 2026. SGLang:
// python/sglang/srt/metrics/collector.py, 2025 and 2026; retracted requests are
// its preemptions, as a counter in newer releases only. llama.cpp:
// tools/server, with --metrics; it has no histograms.
var dialects = []dialect{
	{
		name: "vllm", prefix: "vllm:",
		values: map[string][]string{
			Running:            {"vllm:num_requests_running"},
			Waiting:            {"vllm:num_requests_waiting"},
			KVCacheUsage:       {"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"},
			Preemptions:        {"vllm:num_preemptions_total", "vllm:num_preemptions"},
			PrefixCacheQueries: {"vllm:prefix_cache_queries_total", "vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries_total"},
			PrefixCacheHits:    {"vllm:prefix_cache_hits_total", "vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits_total"},
			PromptTokens:       {"vllm:prompt_tokens_total", "vllm:prompt_tokens"},
			GenerationTokens:   {"vllm:generation_tokens_total", "vllm:generation_tokens"},
		},
		histograms: map[string][]string{
			ServerTTFT:      {"vllm:time_to_first_token_seconds"},
			ServerITL:       {"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"},
			ServerE2E:       {"vllm:e2e_request_latency_seconds"},
			ServerQueue:     {"vllm:request_queue_time_seconds"},
			IterationTokens: {"vllm:iteration_tokens_total"},
		},
	},
	{
		name: "sglang", prefix: "sglang:",
		values: map[string][]string{
			Running:          {"sglang:num_running_reqs"},
			Waiting:          {"sglang:num_queue_reqs"},
			KVCacheUsage:     {"sglang:token_usage"},
			HitRate:          {"sglang:cache_hit_rate"},
			Preemptions:      {"sglang:num_retracted_requests_total", "sglang:num_retracted_reqs_total"},
			PrefixCacheHits:  {"sglang:cached_tokens_total"},
			PromptTokens:     {"sglang:prompt_tokens_total"},
			GenerationTokens: {"sglang:generation_tokens_total"},
		},
		histograms: map[string][]string{
			ServerTTFT:  {"sglang:time_to_first_token_seconds"},
			ServerITL:   {"sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"},
			ServerE2E:   {"sglang:e2e_request_latency_seconds"},
			ServerQueue: {"sglang:queue_time_seconds", "sglang:request_queue_time_seconds"},
		},
	},
	{
		name: "llama.cpp", prefix: "llamacpp:", cachedApart: true,
		values: map[string][]string{
			Running:          {"llamacpp:requests_processing"},
			Waiting:          {"llamacpp:requests_deferred"},
			KVCacheUsage:     {"llamacpp:kv_cache_usage_ratio"}, // until 2025
			PrefixCacheHits:  {"llamacpp:prompt_tokens_cached_total"},
			PromptTokens:     {"llamacpp:prompt_tokens_total"},
			GenerationTokens: {"llamacpp:tokens_predicted_total"},
		},
	},
}

// processStart is served by the Prometheus clients of Python and Go.
const processStart = "process_start_time_seconds"

// wanted lists every name of every dialect.
func wanted() map[string]bool {
	out := map[string]bool{processStart: true}
	for _, d := range dialects {
		for _, group := range []map[string][]string{d.values, d.histograms} {
			for _, names := range group {
				for _, n := range names {
					out[n] = true
				}
			}
		}
	}
	return out
}
