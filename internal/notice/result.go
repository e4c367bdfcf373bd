package notice

import "time"

// result are the entries about results: what the analysis and the report find
// in the records.
var result = []entry{
	// Of one configuration at a load.
	{
		Code: "no-trial-counts", Severity: Caveat,
		Says:    "It was measured, but no trial is valid.",
		Means:   "Every trial of this configuration at this load was discarded.",
		Example: Args{},
	},
	{
		Code: "stands-apart", Severity: Caveat,
		Says: "This configuration varies between rounds unlike the others, so sweep judges it by its own spread: " +
			"{metrics}.",
		Means:   "A saturated configuration varies unlike the others. Pooling its variance with theirs would be wrong.",
		Example: Args{"metrics": List("TTFT p50", "E2E p50")},
	},
	{
		Code: "fewer-trials", Severity: Caveat,
		Says:    "{n|metric is|metrics are} missing from some of the trials.",
		Means:   "Some trials lack the metric, so its estimate rests on the others.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "discarded-alone", Severity: Caveat, Apart: "metric",
		Says:    "With the discarded trials, {metric} is {with}. No other trial is valid.",
		Means:   "The value is shown for comparison only. Results never contain discarded trials.",
		Example: Args{"metric": Text("output throughput"), "with": Metric("output_throughput", 2058)},
	},
	{
		Code: "discarded-matter", Severity: Caveat, Apart: "metric",
		Says:    "The discarded trials would move {metric} from {without} to {with}.",
		Means:   "Discarding trials moves this result by more than the margin, so check why they were discarded.",
		Example: Args{"metric": Text("TTFT p50"), "without": Metric("ttft_p50", 0.031), "with": Metric("ttft_p50", 0.044)},
	},
	{
		Code: "discarded-matter-little", Severity: Note,
		Says:    "With the discarded trials, {n|other estimate|other estimates} would move by at most {change} ({metric}).",
		Means:   "Discarding trials does not decide any of these results.",
		Example: Args{"n": Count(4), "change": Fraction(0.012), "metric": Text("TTFT p50")},
	},

	// Of the run.
	{
		Code: "trials-missing", Severity: Caveat,
		Says:    "{n} of {planned|planned trial|planned trials} {n:is|are} missing.",
		Do:      "Resume the run to measure the rest.",
		Means:   "The run is not finished, or records were lost.",
		Example: Args{"n": Count(6), "planned": Count(60)},
	},
	{
		Code: "trials-discarded", Severity: Caveat,
		Says: "{n|trial was|trials were} discarded[: {causes}].[ {again} {again:was|were} measured again.]" +
			"[ {left|planned trial is|planned trials are} left without a valid trial.]",
		Means: "sweep keeps a discarded trial with its reasons and measures it again at the end of its round.",
		Example: Args{"n": Count(2), "again": Count(2),
			"causes": List("load generator at its limits (1)", "GPU throttled (1)")},
	},
	{
		Code: "trials-failed", Severity: Caveat,
		Says: "[ {did_not_start|trial|trials} failed because the server did not start.][ {died|trial|trials} failed because the server died under load.]" +
			"[ {refused|trial|trials} failed because the server refused every request.][ {no_success|trial|trials} failed because no request succeeded.]" +
			"[ {no_rates|trial|trials} failed because the rates of the load were not found.][ {load|trial|trials} failed because the load could not be made.]",
		Do:      "See Failures.",
		Means:   "These trials have no measurements.",
		Example: Args{"did_not_start": Count(12), "refused": Count(1)},
	},
	{
		Code: "trials-skipped", Severity: Caveat,
		Says:    "{n|trial was|trials were} skipped, because the server cannot start or a lower point of the load saturated it.",
		Means:   "sweep skips what is certain to fail, and load points above a saturated one.",
		Example: Args{"n": Count(8)},
	},
	{
		Code: "cooldowns-missed", Severity: Caveat,
		Says:    "{missed} of {waited|cool-down|cool-downs} ended at the limit before the GPUs reached their targets.",
		Do:      "See the timeline.",
		Means:   "Some servers were launched on GPUs that were warmer or busier than at the first launch of the round.",
		Example: Args{"missed": Count(2), "waited": Count(30)},
	},
	{
		Code: "client-shared", Severity: Caveat,
		Says: "The load generator shared the machine with the server in {n|trial|trials} ({why}). " +
			"It sent requests up to {mean} late on average and up to {late} ({share} of the median TTFT) at the highest percentile shown.",
		Means:   "Latencies include that delay. It is the worst of all trials that were not discarded.",
		Example: Args{"n": Count(12), "why": Text("declared"), "mean": Latency(300 * time.Microsecond), "late": Latency(2 * time.Millisecond), "share": Fraction(0.03)},
	},
	{
		Code: "order-sequential", Severity: Caveat,
		Says: "With order: sequential, each configuration gets one launch, so drift and differences between " +
			"launches look like effects of its flags.",
		Means: "Randomized rounds spread drift over all configurations. A sequential run saves launches instead, " +
			"and repeats on one launch are not independent.",
		Example: Args{},
	},
	{
		Code: "single-trials", Severity: Caveat,
		Says:    "{n|result rests|results rest} on a single trial: a value without an interval or a verdict.",
		Do:      "Measure more trials.",
		Means:   "One trial says nothing about the scatter of the next.",
		Example: Args{"n": Count(4)},
	},
	{
		Code: "range-only", Severity: Caveat,
		Says: "{n|result has|results have} only two trials of {metrics}, " +
			"so {n:it shows|they show} a range instead of a confidence interval.",
		Do:      "Measure more trials.",
		Means:   "With two trials and no variance from other configurations, only the two values themselves are known.",
		Example: Args{"n": Count(2), "metrics": List("TTFT p50")},
	},
	{
		Code: "slo-undecided", Severity: Caveat,
		Says:    "For {n|result|results}, the data do not show whether the SLO is met.",
		Means:   "The interval includes the limit.",
		Do:      "Measure more trials.",
		Example: Args{"n": Count(3)},
	},
	{
		Code: "unconfirmed", Severity: Caveat,
		Says:    "Recommendations that are not confirmed rest on the trials that selected them. The best of many looks better than it is.",
		Do:      "Set confirm: true.",
		Means:   "Confirmation runs measure the finalists again on freshly restarted servers.",
		Example: Args{},
	},
	{
		Code: "pairs-not-tested", Severity: Caveat,
		Says:    "How {one} and {other} act together was not tested[, nor {more|further pair|further pairs} of parameters].",
		Means:   "The experiment changes one flag at a time, or leaves combinations out.",
		Example: Args{"one": Text("max-num-seqs"), "other": Text("max-num-batched-tokens"), "more": Count(2)},
	},
	{
		Code: "figure-broken", Severity: Caveat,
		Says:    "The figure “{title}” could not be embedded: {error}.",
		Means:   "Its files may be damaged. The page shows its title instead.",
		Example: Args{"title": Text("Frontier of chat"), "error": Text("not an SVG")},
	},
}
