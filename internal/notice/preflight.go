package notice

// catalogOfFlags is said at a name or a value that nothing known is near to.
const catalogOfFlags = `[did you mean "{near}"?][not in sweep's catalog of {catalog}]`

// choices is what to write as the value of a flag.
const choices = "[write {kind}][known values are {known}, and plug-ins or other releases may add more][want {choices}]"

// preflight are the entries about configurations that cannot start, or may not,
// found before anything starts. They become diagnostics of the experiment file,
// which are lowercase as errors are.
var preflight = []entry{
	{
		Code: "flag-without-keys", Severity: Refused,
		Says: "{flag} has no keys",
		Do:   "only flags that take JSON have keys after a dot",
		Means: "A key follows the flag's name after a dot, as in compilation-config.mode. This flag takes no " +
			"mapping.",
		Example: Args{"flag": Text("max-num-seqs")},
	},
	{
		Code: "flag-removed", Severity: Refused,
		Says:    "vLLM {release} has no flag {flag}: it was removed {removed}",
		Do:      "[{instead}]",
		Means:   "Servers of this release refuse the flag, so the configuration cannot start.",
		Example: Args{"release": Text("0.27"), "flag": Text("swap-space"), "removed": Text("in 0.18")},
	},
	{
		Code: "flag-removed-later", Severity: Caveat,
		Says:    "newer releases of vLLM do not have flag {flag}",
		Label:   "removed {removed}",
		Do:      "[{instead}]",
		Means:   "sweep does not know the release of the server. If it is newer, the configuration cannot start.",
		Example: Args{"flag": Text("swap-space"), "removed": Text("in 0.18")},
	},
	{
		Code: "flag-not-yet", Severity: Refused,
		Says:    "vLLM {release} has no flag {flag} yet: it was added in {since}",
		Do:      "use a newer release, or omit the flag",
		Means:   "Servers of this release refuse the flag, so the configuration cannot start.",
		Example: Args{"release": Text("0.21"), "flag": Text("watermark-config"), "since": Text("0.32")},
	},
	{
		Code: "flag-abbreviated", Severity: Refused,
		Says:    `flag "{flag}" is an abbreviation`,
		Label:   `did you mean "{near}"?`,
		Do:      "write flags in full, because other releases may read the abbreviation as another flag",
		Means:   "vLLM accepts the beginning of a flag's name. sweep wants one name per flag.",
		Example: Args{"flag": Text("max-num-seq"), "near": Text("max-num-seqs")},
	},
	{
		Code: "flag-ambiguous", Severity: Refused,
		Says:    `flag "{flag}" is ambiguous`,
		Label:   "ambiguous",
		Do:      "write it in full: {candidates}",
		Means:   "The name is the beginning of several flags, and vLLM refuses it.",
		Example: Args{"flag": Text("max-num"), "candidates": Choice("max-num-seqs", "max-num-batched-tokens")},
	},
	{
		Code: "flag-unknown", Severity: Caveat,
		Says:  `unknown flag "{flag}"`,
		Label: catalogOfFlags,
		Do: "[the catalog covers vLLM up to {newest}, and a newer release or a plug-in may have this flag]" +
			"[unless a plug-in adds the flag, vLLM {release} will fail with: unrecognized arguments: --{flag}]",
		Means:   "The flag may be misspelled, or belong to a plug-in or a newer release. Only the server can tell.",
		Example: Args{"flag": Text("max-num-sqs"), "near": Text("max-num-seqs"), "release": Text("0.27")},
	},
	{
		Code: "flag-not-negatable", Severity: Refused,
		Says:    "{flag} cannot be switched off: there is no --no-{flag}",
		Do:      "omit it: it is off by default",
		Means:   "The flag is a switch without an opposite.",
		Example: Args{"flag": Text("headless")},
	},
	{
		Code: "flag-is-switch", Severity: Refused,
		Says:    "{flag} is a switch and takes no value",
		Label:   "did you mean true or false?",
		Means:   "true writes --flag, and false writes --no-flag.",
		Example: Args{"flag": Text("enforce-eager")},
	},
	{
		Code: "flag-takes-value", Severity: Refused,
		Says:    "{flag} takes a value, not true or false",
		Do:      choices,
		Means:   "YAML reads true, false, yes and no as switches. Quote them if you mean text.",
		Example: Args{"flag": Text("scheduling-policy"), "choices": Choice("fcfs", "priority")},
	},
	{
		Code: "flag-takes-one-value", Severity: Refused,
		Says:    "{flag} takes one value, not several",
		Label:   "found a list",
		Do:      choices,
		Means:   "A list becomes several words of the command line, of which vLLM refuses all but the first.",
		Example: Args{"flag": Text("max-num-seqs"), "kind": Text("a whole number")},
	},
	{
		Code: "flag-value-wrong", Severity: Refused,
		Says:    "{flag} must be {want}",
		Label:   `found "{value}"`,
		Means:   "vLLM's parser refuses the value: it is of another type or out of range.",
		Example: Args{"flag": Text("max-model-len"), "want": Text("a whole number such as 8192 or 32k"), "value": Text("8x")},
	},
	{
		Code: "flag-choice-wrong", Severity: Refused,
		Says:    `{flag} has no value "{value}"`,
		Label:   `[did you mean "{near}"?]`,
		Do:      choices,
		Means:   "The flag takes one of a fixed set of values, and this value is not in it.",
		Example: Args{"flag": Text("scheduling-policy"), "value": Text("priorty"), "near": Text("priority"), "choices": Choice("fcfs", "priority")},
	},
	{
		Code: "flag-choice-unknown", Severity: Caveat,
		Says:    `unknown value "{value}" of {flag}`,
		Label:   catalogOfFlags,
		Do:      choices,
		Means:   "Plug-ins and other releases may add values to this flag. Only the server can tell.",
		Example: Args{"flag": Text("attention-backend"), "value": Text("flashinfr"), "near": Text("FLASHINFER"), "known": List("FLASHINFER", "FLASH_ATTN")},
	},
	{
		Code: "batched-tokens-low", Severity: Refused,
		Says:    "max-num-batched-tokens {tokens} is less than max-num-seqs {seqs}",
		Do:      "raise max-num-batched-tokens to at least {seqs}, or lower max-num-seqs to at most {tokens}",
		Means:   "Each sequence needs one token of a batch, so vLLM refuses the two together.",
		Example: Args{"tokens": Text("128"), "seqs": Text("256")},
	},
	{
		Code: "chunked-prefill-off", Severity: Refused,
		Says:    "without chunked prefill, max-num-batched-tokens {tokens} must be at least max-model-len {length}",
		Do:      "raise max-num-batched-tokens to at least {length}, or allow chunked prefill",
		Means:   "A prompt that is not cut into chunks must fit into one batch, so vLLM refuses the two together.",
		Example: Args{"tokens": Text("2048"), "length": Text("4096")},
	},
	{
		Code: "prefill-threshold-high", Severity: Refused,
		Says:    "long-prefill-token-threshold {threshold} is greater than max-model-len {length}",
		Do:      "set it to at most {length}",
		Means:   "No prompt can be longer than max-model-len, so vLLM refuses the two together.",
		Example: Args{"threshold": Text("9000"), "length": Text("4096")},
	},
	{
		Code: "heads-not-divisible", Severity: Refused,
		Says:    "tensor-parallel-size {size} does not divide the model's {heads|attention head|attention heads}",
		Do:      "choose a tensor-parallel-size that divides {heads}",
		Means:   "vLLM gives each GPU the same number of attention heads.",
		Example: Args{"size": Text("3"), "heads": Count(32)},
	},
	{
		Code: "layers-too-few", Severity: Refused,
		Says:    "the model's {layers|layer is|layers are} too few for {stages|pipeline stage|pipeline stages}",
		Do:      "lower pipeline-parallel-size",
		Means:   "Each stage of the pipeline needs at least one layer.",
		Example: Args{"layers": Count(24), "stages": Count(32)},
	},
	{
		Code: "model-len-too-long", Severity: Refused,
		Says:    "max-model-len {length} is greater than the model's maximum, {most}",
		Do:      "set it to at most {most}, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model supports more",
		Means:   "The model's config.json gives its longest context.",
		Example: Args{"length": Text("200000"), "most": Text("131072")},
	},
	{
		Code: "gpus-too-few", Severity: Refused,
		Says:    "it needs {needs|GPU|GPUs}, but the server gets {gets}",
		Do:      "lower the parallel sizes, or give the server more GPUs",
		Means:   "A server needs as many GPUs as its tensor, pipeline and data parallel sizes multiply to.",
		Example: Args{"needs": Count(4), "gets": Count(2)},
	},
	{
		Code: "weights-fill-memory", Severity: Refused,
		Says:    "the weights ({weights} per GPU) leave nothing for the KV cache[ at {utilization} of {total}][ with kv-cache-memory-bytes {reserved}]",
		Do:      "raise tensor-parallel-size or gpu-memory-utilization, or use a quantized model",
		Means:   "sweep plans the GPU's memory as vLLM does, from the model's shape. Nothing is left for requests.",
		Example: Args{"weights": Bytes(15 << 30), "utilization": Number(0.5), "total": Bytes(22 << 30)},
	},
	{
		Code: "kv-cache-does-not-fit", Severity: Refused,
		Says: "max-model-len {length} needs {needed} of KV cache, but at most {free} are free" +
			"[ at {utilization} of {total}][ with kv-cache-memory-bytes {reserved}]. The weights take {weights}",
		Do:    "set it to at most {largest} (estimated), raise gpu-memory-utilization, or use kv-cache-dtype fp8",
		Means: "sweep plans the GPU's memory as vLLM does, from the model's shape. One request of the full length does not fit.",
		Example: Args{
			"length": Text("131072"), "needed": Bytes(16 << 30), "free": Bytes(5 << 30), "utilization": Number(0.92),
			"total": Bytes(22 << 30), "weights": Bytes(15 << 30), "largest": Text("40960"),
		},
	},
	{
		Code: "kv-cache-tight", Severity: Caveat,
		Says: "max-model-len {length} probably needs more KV cache than fits: {needed} of about {free}" +
			"[ at {utilization} of {total}][ with kv-cache-memory-bytes {reserved}]. The weights take {weights}",
		Do: "set it to at most {largest} (estimated), raise gpu-memory-utilization, or use kv-cache-dtype fp8",
		Means: "sweep plans the GPU's memory as vLLM does, from the model's shape. The result is so close that only " +
			"the server knows.",
		Example: Args{
			"length": Text("32768"), "needed": Bytes(4 << 30), "free": Bytes(3.9 * (1 << 30)), "utilization": Number(0.86),
			"total": Bytes(22 << 30), "weights": Bytes(15 << 30), "largest": Text("31744"),
		},
	},
}
