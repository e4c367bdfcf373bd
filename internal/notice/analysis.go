package notice

// analysis are the entries about what a run's numbers say.
var analysis = []entry{
	{
		Code: "baseline-noisy", Severity: Caveat,
		Says: "The {use_case} recommendation is unreliable: " +
			"{metric} of the unchanged baseline varies by {spread} over {rounds|round|rounds}.",
		Do:      "End other work on the machine, use longer trials (requests or duration) or more rounds (trials.repeat), and run again.",
		Means:   "The recommendation is undecided, and the coefficient of variation of the baseline between rounds is above 20%.",
		Example: Args{"use_case": Text("throughput"), "metric": Text("output throughput"), "spread": Fraction(0.34), "rounds": Count(3)},
	},

	// Of the run as a whole.
	{
		Code: "nothing-counts", Severity: Caveat,
		Says:    "The run has no valid trial.",
		Means:   "Nothing was measured, or every trial failed or was discarded.",
		Example: Args{},
	},
	{
		Code: "unplanned-trials", Severity: Caveat,
		Says:    "The analysis left out {n|trial|trials} of results that are not in the plan.",
		Means:   "The run directory holds records that belong to another plan.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "launches-shared", Severity: Caveat,
		Says:    "Some results were repeated within one server launch. Their intervals leave out differences between launches.",
		Means:   "Trials within a launch scatter less than trials of several launches, so the intervals are too narrow.",
		Example: Args{},
	},
	{
		Code: "no-baseline", Severity: Caveat,
		Says:    "The experiment names no baseline to compare with.",
		Do:      "Name a baseline in the experiment.",
		Means:   "Without a baseline, results have values and no changes or verdicts.",
		Example: Args{},
	},
	{
		Code: "baseline-missing", Severity: Caveat,
		Says:    "The baseline has no valid trial at {points}, so nothing is compared there.",
		Means:   "Other configurations were measured at these load points and the baseline was not.",
		Example: Args{"points": List("chat c=16")},
	},
	{
		Code: "drift", Severity: Caveat, Apart: "metric",
		Says: "From the first to the last trial, {metric} at {point} drifted by {change}. " +
			"Randomized rounds protect comparisons from it, but not absolute values.",
		Evidence: "[The trend within rounds has {p}, corrected for all trends that were tested.]",
		Means:    "Results change with the time of the run, by a significant trend within rounds. Randomized rounds keep it out of comparisons.",
		Example: Args{
			"metric": Text("output throughput"), "point": Text("chat c=16"), "change": Ratio(0.94), "p": PValue(0.012),
		},
	},
	{
		Code: "ends-differ", Severity: Caveat,
		Says:    "End-to-end latencies differ in kind: those of {token} end with the last token, those of {response} with the response.",
		Do:      "Compare the times per token instead.",
		Means:   "Tools define the end of a request differently. The difference is not one of the servers.",
		Example: Args{"token": List("vllm-bench"), "response": List("guidellm")},
	},
	{
		Code: "variances-differ", Severity: Caveat,
		Says:    "Configurations scatter differently in {metrics}, so each is judged by its own spread at some load points.",
		Means:   "A test found unequal variances. Intervals are wider than with a pooled variance.",
		Example: Args{"metrics": List("TTFT p50", "E2E p50")},
	},
	{
		Code: "percentiles-short", Severity: Caveat, Apart: "load",
		Says:    "On load {load}, {percentile} and higher percentiles need more requests than the trials sent[ in {window}][ in {short} to {long}].",
		Do:      "Use longer trials (requests or duration).",
		Means:   "A high percentile of few requests is little more than the slowest request, so it is left out.",
		Example: Args{"load": Text("chat"), "percentile": Text("p99"), "short": Seconds(20), "long": Seconds(25)},
	},
	{
		Code: "unknown-metrics", Severity: Caveat,
		Says:    "The analysis ignored metrics that it does not know: {metrics}.",
		Means:   "Records hold metrics of another version of sweep or of another tool.",
		Example: Args{"metrics": List("made_up")},
	},
	{
		Code: "runs-once", Severity: Caveat,
		Says:    "Each of the two runs was made once. Any other difference between them looks like an effect.",
		Means:   "Temperature, neighbors and drivers differ between runs, and randomization within a run does not remove that.",
		Example: Args{},
	},
	{
		Code: "runs-differ", Severity: Caveat, Apart: "what",
		Says: "The runs differ in {what}: {first}, then {second}.",
		Means: "With severity refused, the difference makes the comparison meaningless. With severity note, the " +
			"difference is what you compare.",
		Example: Args{"what": Text("GPU driver"), "first": Text("570.86"), "second": Text("575.51")},
	},
	{
		Code: "no-common-load", Severity: Refused,
		Says:    "The runs have no load point in common. Lengths, arrivals, duration and time limits all count.",
		Means:   "Results can be compared at the same load only.",
		Example: Args{},
	},
	{
		Code: "few-common-loads", Severity: Caveat,
		Says:    "{common} of {first} and {second|load point|load points} {common:is|are} common to both runs.",
		Means:   "The other load points are not compared.",
		Example: Args{"common": Count(3), "first": Count(4), "second": Count(6)},
	},

	// Of a recommendation.
	{
		Code: "confirmation-pending", Severity: Caveat,
		Says:    "Not confirmed on restarted servers yet.",
		Means:   "The confirmation runs have not ended.",
		Example: Args{},
	},
	{
		Code: "confirmation-off", Severity: Caveat,
		Says:    "Not confirmed: confirmation is off.",
		Do:      "Set confirm: true.",
		Means:   "The recommendation rests on the trials that selected it.",
		Example: Args{},
	},
	{
		Code: "confirmation-alone", Severity: Caveat,
		Says:    "Not confirmed: nothing else was measured to compare it with.",
		Means:   "Confirmation runs compare finalists. One configuration alone has nothing to be compared with.",
		Example: Args{},
	},
	{
		Code: "confirmation-imported", Severity: Caveat,
		Says:    "Not confirmed: the results were imported.",
		Means:   "sweep did not launch these servers, so it cannot measure them again.",
		Example: Args{},
	},
	{
		Code: "confirmation-not-needed", Severity: Note,
		Says:    "The baseline needs no confirmation runs, because nothing changes.",
		Means:   "sweep confirms changes only. Here it recommends the baseline.",
		Example: Args{},
	},
	{
		Code: "confirmation-unfinished", Severity: Caveat,
		Says:    "The confirmation runs are not finished: {recorded} of {planned|trial|trials} {recorded:is|are} recorded.",
		Do:      "Resume the run to measure the rest.",
		Means:   "Until they are finished, the recommendation is that of the screening runs.",
		Example: Args{"recorded": Count(8), "planned": Count(20)},
	},
	{
		Code: "confirmation-lost", Severity: Caveat,
		Says:    "Its confirmation runs have no valid trial. These are the numbers of the screening runs.",
		Means:   "Every confirmation trial of this use case failed or was discarded.",
		Example: Args{},
	},
	{
		Code: "confirmation-short", Severity: Caveat,
		Says:    "Not confirmed: {n} of {restarts|restart|restarts} {n:is|are} valid.",
		Means:   "Some confirmation trials failed or were discarded, so the promised evidence is incomplete.",
		Example: Args{"n": Count(2), "restarts": Count(5)},
	},
	{
		Code: "few-restarts", Severity: Caveat,
		Says:    "Measured again on only {n|restart|restarts}. sweep advises 5.",
		Means:   "Few restarts leave wide intervals.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "screening-differed", Severity: Caveat,
		Says:    "In the screening runs, {configuration} at {point} was ahead.",
		Means:   "On restarted servers, another finalist was best.",
		Example: Args{"configuration": Text("max-num-seqs=64"), "point": Text("chat c=16")},
	},
	{
		Code: "best-of-many", Severity: Caveat,
		Says:    "The best of {n|configuration|configurations} tends to look better than it is.",
		Means:   "Chance helps the winner of many. Confirmation runs remove this bias.",
		Example: Args{"n": Count(12)},
	},
	{
		Code: "few-trials", Severity: Caveat,
		Says:    "It rests on {n|trial|trials}.",
		Do:      "Measure more trials.",
		Means:   "Fewer than three trials show little of the scatter.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "no-scatter", Severity: Caveat,
		Says:    "Its trials do not differ at all, so there is neither an interval nor a test.",
		Means:   "Real measurements scatter. Equal values mean that a result was copied, or that it does not depend on the server.",
		Example: Args{},
	},
	{
		Code: "only-candidate", Severity: Caveat,
		Says:    "It is the only candidate: no other configuration has a valid trial at this load.",
		Means:   "sweep had no alternative to compare it with.",
		Example: Args{},
	},
	{
		Code: "one-launch", Severity: Caveat,
		Says:    "Its trials share one server launch, so the interval leaves out differences between launches.",
		Means:   "Trials within a launch scatter less than trials of several launches, so the interval is too narrow.",
		Example: Args{},
	},
	{
		Code: "limit-not-sure", Severity: Caveat, Apart: "metric",
		Says:    "It may miss the limit of {metric}, {limit}: the interval reaches to {bound}.",
		Means:   "The value meets the limit, and its interval does not.",
		Example: Args{"metric": Text("TTFT p95"), "bound": Metric("ttft_p95", 0.52), "limit": Metric("ttft_p95", 0.5)},
	},
	{
		Code: "baseline-not-estimated", Severity: Caveat,
		Says:    "It is not compared with the baseline, which has no value there.",
		Means:   "The baseline has no trial with this metric at the load point.",
		Example: Args{},
	},
	{
		Code: "baseline-misses-limits", Severity: Caveat,
		Says:    "The baseline meets the constraints at no load point. It is compared at the load point of the recommendation.",
		Means:   "Against a baseline that misses a limit, the change in the objective is only a part of the answer.",
		Example: Args{},
	},
	{
		Code: "baseline-not-comparable", Severity: Caveat,
		Says:    "It is not comparable with the baseline: {reason}.",
		Means:   "Answer or prompt lengths differ, so rates and latencies describe two different loads.",
		Example: Args{"reason": Text("answers of 56 instead of 200 tokens")},
	},
	{
		Code: "baseline-undecided", Severity: Caveat,
		Says:    "Whether it differs from the baseline is undecided: {reason}.",
		Do:      "Measure more rounds (trials.repeat).",
		Means:   "The interval of the change extends beyond the margin.",
		Example: Args{"reason": Text("the interval includes 0%")},
	},
	{
		Code: "leader-undecided", Severity: Caveat,
		Says: "{configuration} at {point} leads in {metric} ({change}), " +
			"but the difference is not conclusive: {reason}.[ About {more|more round|more rounds} would decide it.]",
		Do: "Measure more rounds (trials.repeat), or keep the baseline.",
		Means: "sweep recommends a change only if it is shown to be better than the baseline. This one is ahead by " +
			"its estimate alone.",
		Example: Args{
			"configuration": Text("max-num-seqs=8"), "point": Text("chat c=16"), "metric": Text("output throughput"),
			"change": Ratio(1.26), "reason": Text("n=2"),
		},
	},
	{
		Code: "result-discards", Severity: Caveat,
		Says:    "{n|of its trials was|of its trials were} discarded[, and {again} successfully repeated].",
		Means:   "Discarded trials do not count. If all were repeated, nothing is missing.",
		Example: Args{"n": Count(2), "again": Count(2)},
	},
	{
		Code: "highest-load", Severity: Caveat,
		Says:    "The best result is at the highest load tested.",
		Do:      "Test higher loads.",
		Means:   "Throughput was still rising at the end of the tested range, so more may be possible.",
		Example: Args{},
	},
	{
		Code: "not-ranked", Severity: Caveat,
		Says: "{configuration} at {point} is not ranked.[ Its answers have {answers|token|tokens} instead of {usual_answers}.]" +
			"[ Its prompts have {prompts|token|tokens} instead of {usual_prompts}.]",
		Means: "With different lengths, rates and end-to-end latencies describe different loads.",
		Example: Args{
			"configuration": Text("max-num-seqs=2"), "point": Text("chat c=16"), "answers": Number(56), "usual_answers": Number(200),
		},
	},
	{
		Code: "launches-died", Severity: Caveat,
		Says:    "Its server died under load in {n} of {launches|launch|launches}[: {cause}].",
		Means:   "Its results cover only the trials in which the server survived. Do not deploy it until the cause is fixed.",
		Example: Args{"n": Count(2), "launches": Count(4), "cause": Text("killed by signal 9")},
	},
	{
		Code: "trials-died", Severity: Caveat,
		Says:    "Its server died under load in {n} of {trials|trial|trials}.",
		Means:   "Its results cover only the trials in which the server survived. Do not deploy it until the cause is fixed.",
		Example: Args{"n": Count(1), "trials": Count(5)},
	},
	{
		Code: "launches-failed", Severity: Caveat,
		Says:    "Its server did not start in {n} of {launches|launch|launches}[: {cause}].",
		Means:   "The configuration starts only sometimes, for example because memory is short.",
		Example: Args{"n": Count(1), "launches": Count(4), "cause": Text("out of memory")},
	},
	{
		Code: "its-trials-failed", Severity: Caveat,
		Says: "Of {trials|trial|trials} of this configuration, {n} failed.[ In {did_not_start}, the server did not start.]" +
			"[ In {refused}, the server refused every request.][ In {no_success}, no request succeeded.]" +
			"[ In {no_rates}, the rates of the load were not found.][ In {load}, the load could not be made.]",
		Means:   "The configuration does not serve the load reliably, however good its numbers are when it does.",
		Example: Args{"trials": Count(5), "n": Count(1), "refused": Count(1)},
	},
}
