package notice

// verdict are the entries that give the reasons of verdicts and recommendations.
var verdict = []entry{
	// Why a comparison is open, or what limits its verdict. They are parts of a
	// sentence: they stand after "undecided: ", joined by semicolons.
	{
		Code: "too-few-to-compare", Severity: Note,
		Says: "n={n}",
		Do:   "Measure more trials.",
		Means: "One of the two has too few trials (n) to know its spread, so there is neither an interval nor a " +
			"test.",
		Example: Args{"n": Count(1)},
	},
	{
		Code: "interval-spans-one", Severity: Note,
		Says:    "the interval includes 0%",
		Means:   "The interval of the change includes 0%, so there may be no difference at all.",
		Example: Args{},
	},
	{
		Code: "significant-alone", Severity: Note,
		Says:    "significant alone, not after correction for {n|comparison|comparisons}",
		Means:   "The interval excludes no change. Among so many comparisons, chance produces one such interval too often.",
		Example: Args{"n": Count(9)},
	},
	{
		Code: "no-variation", Severity: Note,
		Says:    "no variation between trials",
		Means:   "All trials have the same value, so there is neither an interval nor a test.",
		Example: Args{},
	},
	{
		Code: "no-spread", Severity: Note,
		Says:    "no spread known",
		Means:   "One of the configurations that are compared has too few trials to know their spread.",
		Example: Args{},
	},
	{
		Code: "zero-values", Severity: Note,
		Says:    "values of zero have no ratio interval",
		Means:   "Ratios are tested on logarithms, and zero has none.",
		Example: Args{},
	},
	{
		Code: "answer-lengths-differ", Severity: Note,
		Says:    "answers of {mean} instead of {usual} tokens",
		Means:   "With different answer lengths, rates and end-to-end latencies describe different loads.",
		Example: Args{"mean": Number(56), "usual": Number(200)},
	},
	{
		Code: "prompt-lengths-differ", Severity: Note,
		Says:    "prompts of {mean} instead of {usual} tokens",
		Means:   "With different prompt lengths, rates and latencies describe different loads.",
		Example: Args{"mean": Number(500), "usual": Number(1000)},
	},
	{
		Code: "lengths-differ", Severity: Note,
		Says:    "the lengths of answers or prompts differ",
		Means:   "Some of the compared configurations have different answer or prompt lengths than the others.",
		Example: Args{},
	},
	{
		Code: "launch-shared", Severity: Note,
		Says:    "repeats on one server launch: the interval leaves out differences between launches",
		Means:   "Trials within a launch scatter less than trials of several launches, so the verdict may be too sure.",
		Example: Args{},
	},
	{
		Code: "within-noise-floor", Severity: Note,
		Says:    "the difference of {difference} is below the load generator's noise floor of {floor}",
		Means:   "The load generator, not the configuration, may have made the difference. sweep calibrate measures its floor.",
		Example: Args{"difference": Seconds(0.0004), "floor": Seconds(0.0011)},
	},
	{
		Code: "rank-test-differs", Severity: Note,
		Says:    "an exact rank test does not confirm it (p={p})",
		Means:   "A test that assumes no distribution of the trials finds no difference.",
		Example: Args{"p": Number(0.2)},
	},

	// Why a configuration is recommended that does not have the best value.
	{
		Code: "preferred-fewer-gpus", Severity: Note,
		Says:    "{configuration}[ at {point}] is ahead by less than the margin of {margin} ({value}), but needs {other|GPU|GPUs} instead of {gpus}.",
		Means:   "By the estimates, the two differ by less than what matters. The one with fewer GPUs is recommended.",
		Example: Args{"configuration": Text("max-num-seqs=64"), "margin": Fraction(0.03), "value": Metric("output_throughput", 5191), "gpus": Count(1), "other": Count(2)},
	},
	{
		Code: "preferred-baseline", Severity: Note,
		Says:    "{configuration}[ at {point}] is ahead by less than the margin of {margin} ({value}). The baseline is kept because it needs no change.",
		Means:   "By the estimates, the two differ by less than what matters, so no change is needed.",
		Example: Args{"configuration": Text("max-num-seqs=64"), "margin": Fraction(0.03), "value": Metric("output_throughput", 5191)},
	},
	{
		Code: "preferred-fewer-changes", Severity: Note,
		Says:    "{configuration}[ at {point}] is ahead by less than the margin of {margin} ({value}), but changes more flags.",
		Means:   "By the estimates, the two differ by less than what matters. The one that changes less is recommended.",
		Example: Args{"configuration": Text("max-num-seqs=64, block-size=32"), "margin": Fraction(0.03), "value": Metric("output_throughput", 5191)},
	},

	// Why a result is no candidate.
	{
		Code: "limit-missed", Severity: Note,
		Says:    "{metric} is {value} and must be[ at most {most}][ at least {least}].",
		Means:   "The value over all trials that were not discarded misses a limit of the SLO or of the use case.",
		Example: Args{"metric": Text("TTFT p95"), "value": Metric("ttft_p95", 0.612), "most": Metric("ttft_p95", 0.5)},
	},
	{
		Code: "not-estimated", Severity: Note,
		Says:    "{metric} has no value: {why}.",
		Means:   "No valid trial has the metric, so the result is neither compared with its limit nor ranked by it.",
		Example: Args{"metric": Text("TTFT p99"), "why": Text("too few requests")},
	},
	{
		Code: "objective-zero", Severity: Note,
		Says:    "{metric} is 0.",
		Means:   "sweep does not recommend a result whose objective is 0.",
		Example: Args{"metric": Text("goodput")},
	},

	// Why nothing is recommended.
	{
		Code: "load-not-planned", Severity: Refused,
		Says:    "The plan has no result on load {load}.",
		Means:   "The use case names a load at which no configuration is measured.",
		Example: Args{"load": Text("chat")},
	},
	{
		Code: "load-not-measured", Severity: Refused,
		Says:    "No result on load {load} has a valid trial ({planned} planned).",
		Means:   "Nothing was measured at the load of the use case yet, or all trials failed or were discarded.",
		Example: Args{"load": Text("chat"), "planned": Count(12)},
	},
	{
		Code: "objective-missing", Severity: Refused,
		Says:    "No result on load {load} can be ranked by {metric}.",
		Means:   "All results lack a value of the objective, or their lengths are not comparable.",
		Example: Args{"load": Text("chat"), "metric": Text("goodput")},
	},
	{
		Code: "no-result-qualifies", Severity: Refused,
		Says:    "None of {n} results meets every limit. {configuration} at {point} comes nearest[, {off} off].",
		Means:   "Every result of the use case's load misses a limit or lacks a metric that is limited.",
		Example: Args{"n": Count(12), "configuration": Text("max-num-seqs=64"), "point": Text("chat at 16 concurrent"), "off": Fraction(0.22)},
	},
	{
		Code: "limit-binding", Severity: Note,
		Says:    "The limit of {metric} is missed most often, by {n} of {all|result|results}.",
		Means:   "Relaxing this limit lets in more results than relaxing any other.",
		Example: Args{"metric": Text("TTFT p95"), "n": Count(9), "all": Count(12)},
	},
	{
		Code: "screening-overturned", Severity: Refused,
		Says:    "The screening runs recommended {configuration} at {point}, but on restarted servers no finalist qualifies.",
		Means:   "The confirmation runs measured the finalists again, and none of them meets the limits there.",
		Example: Args{"configuration": Text("max-num-seqs=64"), "point": Text("chat at 16 concurrent")},
	},
}
