package vllmsim

import (
	"os"
	"strings"
)

// info is the body of /server_info: the effective configuration in the
// layout of vLLM's config_format=json, as far as the simulator has it.
func (r *run) info() map[string]any {
	e := r.engine
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "VLLM_") && name != "VLLM_API_KEY" {
			env[name] = value
		}
	}
	return map[string]any{
		"vllm_config": map[string]any{
			"model_config": map[string]any{
				"model": r.model, "max_model_len": e.MaxModelLen, "quantization": none(e.Quantization),
				"enforce_eager": e.Eager, "served_model_name": r.served,
			},
			"cache_config": map[string]any{
				"block_size": e.BlockSize, "gpu_memory_utilization": e.Utilization, "enable_prefix_caching": e.PrefixCaching,
				"cache_dtype": r.values.Text("kv-cache-dtype", "auto"),
			},
			"parallel_config": map[string]any{
				"tensor_parallel_size": e.TP, "pipeline_parallel_size": e.PP, "data_parallel_size": r.dp,
			},
			"scheduler_config": map[string]any{
				"max_num_seqs": e.MaxNumSeqs, "max_num_batched_tokens": e.MaxBatchedTokens, "max_model_len": e.MaxModelLen,
				"enable_chunked_prefill": e.ChunkedPrefill, "long_prefill_token_threshold": e.LongPrefill,
				"policy": policy(e.Priority), "async_scheduling": e.AsyncScheduling,
			},
			"compilation_config": map[string]any{"cudagraph_capture_sizes": e.GraphSizes},
		},
		"vllm_env":   env,
		"system_env": map[string]any{"vllm_version": r.version.String(), "gpu_models": e.GPU.Device, "simulated": true},
	}
}

func policy(priority bool) string {
	if priority {
		return "priority"
	}
	return "fcfs"
}

func none(s string) any {
	if s == "" {
		return nil
	}
	return s
}
