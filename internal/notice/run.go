package notice

import "time"

// trial are the entries of trials: why one is discarded, failed or skipped, and
// what is doubtful about one that counts.
var trial = []entry{
	{
		Code: "no-diagnosis", Severity: Failed,
		Says:    "No diagnosis is recorded.",
		Means:   "The record of the launch does not say why it failed.",
		Example: Args{},
	},
	{
		Code: "no-reason", Severity: Failed,
		Says:    "No reason is recorded.",
		Means:   "The record of the trial does not say why it failed.",
		Example: Args{},
	},
	// Discarded.
	{
		Code: "too-many-failures", Severity: Discarded,
		Says:    "{n} of {all|request|requests} failed[ ({classes})][: {error}].",
		Means:   "More requests failed than gates.failures allows. Latencies would describe the survivors only.",
		Example: Args{"n": Count(30), "all": Count(200), "classes": Text("timeout 30"), "error": Text("the time-out of the request was reached")},
	},
	{
		Code: "server-restarted", Severity: Discarded,
		Says:    "The server restarted during the trial: its counters began again at zero.",
		Means:   "Part of the trial was measured on a server that was loading or cold.",
		Example: Args{},
	},
	{
		Code: "gpus-unread", Severity: Discarded,
		Says:    "The GPUs could not be read for {gap} of {trial}[: {error}].",
		Means:   "Without readings, sweep cannot tell whether the GPUs were throttled or shared. gates.telemetry_lost sets the limit.",
		Example: Args{"gap": Span(12 * time.Second), "trial": Span(60 * time.Second)},
	},
	{
		Code: "gpu-throttled", Severity: Discarded,
		Says:    "A GPU was throttled for {time} of {window} ({causes}).",
		Do:      "Check its cooling and its power supply.",
		Means:   "The driver lowered the clocks for heat, power brake or hardware slowdown. gates.throttled sets the limit.",
		Example: Args{"time": Span(9 * time.Second), "window": Span(60 * time.Second), "causes": List("thermal_sw")},
	},
	{
		Code: "foreign-process", Severity: Discarded,
		Says:    "{n|process that is|processes that are} not the server's used its GPUs. Process {pid} held {memory} of GPU {gpu}.",
		Do:      "End those processes, or set gates.foreign_process: false.",
		Means:   "Other work on the server's GPUs slows the server.",
		Example: Args{"n": Count(1), "pid": Text("4711"), "memory": Bytes(5 << 30), "gpu": Count(0)},
	},
	{
		Code: "gpu-ecc", Severity: Discarded,
		Says:    "The GPUs reported {n|uncorrected ECC error|uncorrected ECC errors}.",
		Means:   "Do not trust results from damaged memory.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "gpu-xid", Severity: Discarded,
		Says:    "The GPU driver reported Xid {xids}.",
		Means:   "An Xid is an error of the GPU or its driver. NVIDIA's documentation lists them by number.",
		Example: Args{"xids": List("79")},
	},
	{
		Code: "no-metric", Severity: Discarded,
		Says:    "No metric could be read.",
		Means:   "The file of another tool holds a result without a single usable number.",
		Example: Args{},
	},

	// Failed.
	{
		Code: "server-died", Severity: Failed,
		Says: "The server died under load ({class}): {cause}.",
		Means: "The server process ended or stopped answering while it was measured. The record of the launch has " +
			"its log and diagnosis.",
		Example: Args{"class": Text("engine-dead"), "cause": Text("exit code 137")},
	},
	{
		Code: "server-died-again", Severity: Failed,
		Says:    "The server died under load {n|time|times}, so sweep does not launch it again.",
		Means:   "After a server died under load, sweep launches it once more for the remaining trials.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "load-not-made", Severity: Failed,
		Says:    "The load could not be made: {error}.",
		Means:   "The load generator, or the tool that makes the load, ended with an error.",
		Example: Args{"error": Text("guidellm: exit status 1")},
	},
	{
		Code: "no-success", Severity: Failed,
		Says:    "None of {n|request|requests} succeeded[ ({classes})][: {error}].",
		Means:   "Without an answer there is nothing to measure.",
		Example: Args{"n": Count(40), "classes": Text("http 40"), "error": Text("400 max_tokens is too large")},
	},
	{
		Code: "no-latency", Severity: Failed,
		Says:    "{n|request|requests} succeeded, but none has a latency[: {why}].",
		Means:   "No answer had a chunk that can be timed.",
		Example: Args{"n": Count(40)},
	},
	{
		Code: "load-refused", Severity: Failed,
		Says:    "The server refuses the requests of this load: {words}.",
		Means:   "One request per load goes to each server before the load begins. The server answered it with an error, twice.",
		Example: Args{"words": Text("/v1/completions: maximum context length is 4096 tokens")},
	},
	{
		Code: "rates-not-found", Severity: Failed,
		Says:    "The rates of load {load} could not be found on the baseline.",
		Means:   "A sweep load is placed between two rates that are measured on the baseline before the first round.",
		Example: Args{"load": Text("chat")},
	},
	{
		Code: "calibration-failed", Severity: Failed,
		Says:    "Measuring the rates failed: {error}.",
		Means:   "The load that measures the rates of a sweep load did not succeed.",
		Example: Args{"error": Text("no request completed in 20 s")},
	},
	{
		Code: "did-not-start", Severity: Failed,
		Says:    "The server did not start ({class}): {cause}.",
		Means:   "The launch failed. The failure's class, cause, evidence and remedy are in the record of the launch.",
		Example: Args{"class": Text("kv-cache"), "cause": Text("the KV cache holds 3,100 tokens, but max-model-len is 32,000")},
	},
	{
		Code: "not-launched-again", Severity: Failed,
		Says:    "The server was not launched again, because it is certain not to start ({class}): {cause}.",
		Means:   "A failure such as a wrong flag repeats whenever the same configuration is launched, so later rounds do not try it.",
		Example: Args{"class": Text("config"), "cause": Text("unrecognized arguments: --max-nmu-seqs")},
	},
	{
		Code: "not-launched-suspect", Severity: Failed,
		Says: "sweep did not launch the server, because its GPUs were not free.",
		Do:   "End what holds their memory, and resume the run with --retry-failed.",
		Means: "On GPUs that are in use, sweep would measure their other work too. It postponed the launch to the " +
			"end and refused it then.",
		Example: Args{},
	},

	// Skipped.
	{
		Code: "launch-skipped", Severity: Note,
		Says: "The server was not launched ({class}): {cause}.",
		Means: "The checks before the run, or a failure that is certain to repeat, show that the configuration " +
			"cannot start.",
		Example: Args{"class": Text("kv-cache"), "cause": Text("max-model-len=64k needs more memory than max-model-len=32k, which did not start")},
	},
	{
		Code: "lower-point-saturated", Severity: Note,
		Says:    "A lower point of this load, {point}, saturated the server already.",
		Means:   "With stop_when_saturated, points above the first saturated one are not measured on the same launch.",
		Example: Args{"point": Text("chat constant 300/s")},
	},

	// Doubts.
	{
		Code: "warmup-unsettled", Severity: Caveat,
		Says:    "Latencies had not settled within {within} after {rounds|round|rounds} of warm-up.",
		Do:      "Raise gates.settle.at_most.",
		Means:   "The medians of the last two rounds of warm-up differ by more than asked for, so the server may still have been warming up.",
		Example: Args{"within": Fraction(0.05), "rounds": Count(6)},
	},
	{
		Code: "prefix-cache-kept", Severity: Caveat,
		Says:    "The server did not reset its prefix cache. The prompts are salted.",
		Means:   "The server answered that the reset failed. Salted prompts are new to the cache anyway.",
		Example: Args{},
	},
	{
		Code: "prefix-cache-hits", Severity: Caveat,
		Says:    "The prefix cache answered {share} of the prompt tokens, although every prompt was new.",
		Means:   "The server's own counters show hits where there should be none, so prefill took less time than it would for real prompts.",
		Example: Args{"share": Fraction(0.31)},
	},
	{
		Code: "measured-again", Severity: Caveat,
		Says:    "The trial was measured a second time, because its server died during the first.",
		Means:   "The cause of the crash may have been temporary. The record has the reasons of the first attempt.",
		Example: Args{},
	},
	{
		Code: "tool-warns", Severity: Caveat, Apart: "text",
		Says:    "{tool} warns: {text}",
		Means:   "The tool that made the load reports this about its own run.",
		Example: Args{"tool": Text("guidellm"), "text": Text("root_late: p95 of the lateness is 0.2 s")},
	},
}

// record are the entries about the records of a run.
var record = []entry{
	{
		Code: "value-not-finite", Severity: Caveat,
		Says:    "{field} was not a finite number, so it is absent from the record.",
		Means:   "JSON cannot represent infinity or NaN.",
		Example: Args{"field": Text("telemetry.gpu.energy_j")},
	},
	{
		Code: "resumed-elsewhere", Severity: Caveat, Apart: "what",
		Says:    "The run was resumed with another {what}: {now} instead of {before}.",
		Means:   "Trials of one run were measured under different conditions, which may matter.",
		Example: Args{"what": Text("GPU driver"), "now": Text("580.65.06"), "before": Text("570.86.15")},
	},
	{
		Code: "resumed-environment", Severity: Caveat,
		Says:    "The run was resumed with another environment: {now} instead of {before}.",
		Means:   "Servers inherit environment variables, and this one has another value than when the run began.",
		Example: Args{"now": Text("OMP_NUM_THREADS=8"), "before": Text("OMP_NUM_THREADS not set")},
	},
	{
		Code: "record-unreadable", Severity: Caveat,
		Says:    "{record} was skipped: {error}.",
		Means:   "The trial or launch of the damaged record is missing from the results.",
		Example: Args{"record": Text("trials/t003-x"), "error": Text("trial.json is damaged")},
	},
	{
		Code: "telemetry-unreadable", Severity: Caveat,
		Says:    "The telemetry of a launch is not drawn: {error}.",
		Means:   "The launch's telemetry.parquet is damaged. Trials do not depend on it.",
		Example: Args{"error": Text("not a Parquet file")},
	},
	{
		Code: "journal-damaged", Severity: Caveat,
		Says:    "The journal is damaged: {error}.",
		Do:      "Begin a new run to measure more: this one cannot be resumed.",
		Means:   "A line before the last does not match its checksum. The records of trials do not depend on the journal.",
		Example: Args{"error": Text("journal.jsonl:12: checksum does not match")},
	},
	{
		Code: "journal-missing", Severity: Caveat,
		Says:    "The run has no journal.jsonl, so sweep does not know what happened when.",
		Means:   "The records of trials do not depend on the journal.",
		Example: Args{},
	},
	{
		Code: "journal-torn", Severity: Note,
		Says:    "sweep left out the last line of the journal, which was half written.",
		Means:   "The process or the machine ended while it wrote. Nothing else is lost.",
		Example: Args{},
	},
}
