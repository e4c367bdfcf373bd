package vllmflags

import "strings"

// further lists the flags that tuning seldom touches, by type: names alone,
// so that a right one is not called unknown. Values are checked by type.
func further() []Flag {
	var all []Flag
	for _, group := range []struct {
		kind  Kind
		names string
	}{
		{Text, "model-impl runner convert hf-config-path config-format code-revision tokenizer-revision hf-token " +
			"allowed-local-media-path logits-processors logits-processor-pattern io-processor-plugin pt-load-map-location " +
			"safetensors-load-strategy reasoning-parser-plugin all2all-backend data-parallel-address data-parallel-backend " +
			"dcp-comm-backend expert-placement-strategy master-addr worker-cls worker-extension-cls mamba-cache-dtype " +
			"mamba-cache-mode mamba-ssm-cache-dtype offload-backend mm-encoder-attn-backend mm-encoder-tp-mode " +
			"mm-processor-cache-type mm-tensor-ipc lora-dtype otlp-traces-endpoint show-hidden-metrics-for-version " +
			"scheduler-cls moe-backend gdn-prefill-backend logprobs-mode chat-template-content-format response-role " +
			"ssl-keyfile ssl-certfile ssl-ca-certs ssl-ciphers log-config-file tool-parser-plugin tool-server uds"},
		{Texts, "ignore-patterns kv-cache-dtype-skip-layers cpu-offload-params offload-params lora-target-modules " +
			"collect-detailed-traces allowed-media-domains middleware numa-bind-cpus numa-bind-nodes"},
		{Int, "data-parallel-rank data-parallel-rpc-port data-parallel-size-local data-parallel-start-rank " +
			"dbo-decode-token-threshold dbo-prefill-token-threshold dcp-kv-cache-interleave-size " +
			"cp-kv-cache-interleave-size distributed-timeout-seconds master-port max-parallel-loading-workers nnodes " +
			"node-rank prefill-context-parallel-size ubatch-size mamba-block-size offload-group-size offload-num-in-group " +
			"offload-prefetch-step mm-shm-cache-max-object-size-mb max-cpu-loras max-long-partial-prefills " +
			"prefill-schedule-interval mamba-cache-philox-rounds renderer-num-workers h11-max-header-count " +
			"h11-max-incomplete-event-size ssl-cert-reqs"},
		{Float, "mm-processor-cache-gb video-pruning-rate kv-cache-metrics-sample"},
		{JSON, "model-loader-extra-config eplb-config media-io-kwargs mm-processor-kwargs default-mm-loras ec-transfer-config " +
			"kernel-config kv-events-config profiler-config reasoning-config structured-outputs-config " +
			"weight-transfer-config pooler-config default-chat-template-kwargs rope-scaling ir-op-priority allowed-origins " +
			"allowed-methods allowed-headers"},
		{Bool, "allow-deprecated-quantization skip-tokenizer-init enable-prompt-embeds disable-sliding-window " +
			"disable-cascade-attn use-tqdm-on-load data-parallel-external-lb data-parallel-hybrid-lb " +
			"disable-nccl-for-dp-synchronization enable-dbo enable-elastic-ep enable-ep-weight-filter enable-eplb " +
			"ray-workers-use-nsight kv-sharing-fast-prefill enable-mm-embeds interleave-mm-strings language-model-only " +
			"mm-encoder-only skip-mm-profiling enable-tower-connector-lora fully-sharded-loras specialize-active-lora " +
			"cudagraph-metrics enable-layerwise-nvtx-tracing enable-logging-iteration-details disable-chunked-mm-input " +
			"disable-hybrid-kv-cache-manager enable-flashinfer-autotune enable-mamba-cache-stochastic-rounding numa-bind " +
			"aggregate-engine-logging fail-on-environ-validation grpc headless allow-credentials disable-fastapi-docs " +
			"enable-log-deltas enable-log-outputs enable-offline-docs enable-request-id-headers enable-server-load-tracking " +
			"enable-tokenizer-info-endpoint exclude-tools-when-tool-choice-none log-error-stack return-tokens-as-token-ids " +
			"tokens-only trust-request-chat-template enable-ssl-refresh"},
	} {
		for _, name := range strings.Fields(group.names) {
			all = append(all, Flag{Name: name, Kind: group.kind, Short: abbreviations[name]})
		}
	}
	return all
}

// abbreviations of the flags above.
var abbreviations = map[string][]string{
	"data-parallel-address":         {"-dpa"},
	"data-parallel-backend":         {"-dpb"},
	"data-parallel-external-lb":     {"-dpe"},
	"data-parallel-hybrid-lb":       {"-dph"},
	"data-parallel-rank":            {"-dpn"},
	"data-parallel-rpc-port":        {"-dpp"},
	"data-parallel-size-local":      {"-dpl"},
	"data-parallel-start-rank":      {"-dpr"},
	"nnodes":                        {"-n"},
	"node-rank":                     {"-r"},
	"prefill-context-parallel-size": {"-pcp"},
}
