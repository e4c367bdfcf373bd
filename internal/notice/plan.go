package notice

// planned are the entries about a plan: what its results will not be able to
// show, and what cannot be examined before a run begins.
var planned = []entry{
	{
		Code: "one-round", Severity: Caveat,
		Says: "With repeat: 1, there is one trial per configuration and load point, so results have no intervals " +
			"and no verdicts.",
		Do:      "Raise trials.repeat.",
		Means:   "One trial says nothing about the scatter of the next.",
		Example: Args{},
	},
	{
		Code: "nothing-varies", Severity: Caveat,
		Says:    "Nothing varies: the plan has only the baseline.",
		Do:      "Name the flags to vary under matrix.parameters.",
		Means:   "The run measures the baseline. It can recommend nothing else.",
		Example: Args{},
	},
	{
		Code: "endpoint-not-restarted", Severity: Caveat,
		Says:    "sweep does not restart an endpoint. It cannot measure differences between launches, and caches stay warm from trial to trial.",
		Means:   "Intervals cover the scatter of trials on one launch only.",
		Example: Args{},
	},
	{
		Code: "parallel-busy-host", Severity: Caveat,
		Says:    "With parallel: per-gpu, servers that run side by side share the host's CPU, memory and power.",
		Means:   "The numbers are those of a busy host. A server that has the host to itself may be faster.",
		Example: Args{},
	},
	{
		Code: "parallel-not-estimated", Severity: Caveat,
		Says:    "The number of servers that run side by side depends on the host's GPUs. The estimate assumes one at a time.",
		Means:   "The run may be shorter than the plan says.",
		Example: Args{},
	},
	{
		Code: "concurrency-cap", Severity: Caveat, Apart: "load",
		Says:    "Load {load} is an open loop with a concurrency cap: above {n|request|requests} in flight, requests wait at the client.",
		Means:   "Once the cap is reached, the server's delay slows the arrivals, as in a closed loop.",
		Example: Args{"load": Text("chat"), "n": Count(64)},
	},
	{
		Code: "context-too-short", Severity: Caveat, Apart: "load",
		Says:    "Load {load} asks for up to {tokens|token|tokens} per request, more than max-model-len in {configurations}.",
		Do:      "Raise max-model-len, or shorten the prompts and answers.",
		Means:   "vLLM refuses requests that are longer than its context. Those trials fail.",
		Example: Args{"load": Text("documents"), "tokens": Count(6100), "configurations": List("baseline", "max-num-seqs=64")},
	},
	{
		Code: "use-case-unanswerable", Severity: Caveat, Apart: "use_case",
		Says:    "Use case {use_case} cannot be answered: {metric} needs {need|request|requests} per trial, but load {load} has at most {most}.",
		Do:      "Measure longer, or ask for a lower percentile.",
		Means:   "A percentile with too few requests is absent from every trial, so no configuration could be recommended.",
		Example: Args{"use_case": Text("fast"), "metric": Text("ttft_p95"), "need": Count(130), "load": Text("chat"), "most": Count(100)},
	},
	{
		Code: "configuration-repeated", Severity: Caveat, Apart: "n",
		Says:    "Configuration {n} of the list ({label}) repeats an earlier one, so sweep runs it once.",
		Means:   "Two entries of matrix.configurations give the same flags.",
		Example: Args{"n": Count(3), "label": Text("max-num-seqs=64")},
	},
	{
		Code: "combination-excluded", Severity: Note, Apart: "combination",
		Says:    "sweep does not measure the combination {combination}: it matches exclude {pattern}.",
		Means:   "The best single changes together would be a configuration that the experiment file excludes.",
		Example: Args{"combination": Text("max-num-seqs=64 block-size=32"), "pattern": Text("block-size=32")},
	},
	{
		Code: "combination-unknown", Severity: Note,
		Says:    "A combination names configuration {id}, which is not in the plan.",
		Means:   "The finalists belong to another plan. sweep leaves the combination out.",
		Example: Args{"id": Text("c-1a2b3c4d")},
	},
	{
		Code: "configurations-skipped", Severity: Caveat,
		Says:    "{n} of {all|configuration|configurations} cannot start and will be skipped.",
		Means:   "The pre-flight checks show that they would fail. Their findings name the flags and what to do.",
		Example: Args{"n": Count(2), "all": Count(9)},
	},
	{
		Code: "release-unknown", Severity: Note,
		Says:    "sweep does not know the release of vLLM, so it checks flags against {newest} and only warns.",
		Do:      "Set server.version to check them fully.",
		Means:   "Neither the image's tag nor the environment of the command shows which release will run.",
		Example: Args{"newest": Text("0.32")},
	},
	{
		Code: "model-config-unread", Severity: Note,
		Says:    "sweep cannot predict the KV cache: {error}.",
		Means:   "The config.json that gives the model's shape cannot be read, so memory is not checked before the run.",
		Example: Args{"error": Text("config.json: num_hidden_layers is missing")},
	},
	{
		Code: "model-unknown", Severity: Note,
		Says:    "sweep cannot predict the KV cache, because it does not know the shape of {model}.",
		Do:      "Set server.model_config to its config.json.",
		Means:   "The model is neither in a Hugging Face cache nor in sweep's list of shapes, so memory is not checked before the run.",
		Example: Args{"model": Text("acme/bot")},
	},
}
