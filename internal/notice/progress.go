package notice

// progress are the entries about what sweep does while a run goes on. They are
// shown and not recorded.
var progress = []entry{
	{
		Code: "earlier-session-cleaned", Severity: Note,
		Says:    "Removed what the earlier session left: {removed}.",
		Means:   "A killed session left servers running. A resumed run removes them before it launches one.",
		Example: Args{"removed": List("process group 4711")},
	},
	{
		Code: "stop-leftovers", Severity: Caveat,
		Says:    "Removed what the stopped server left behind: {removed}.",
		Means:   "A server left processes or containers behind. sweep removed them.",
		Example: Args{"removed": List("container sweep-20261201-051632-s03")},
	},
	{
		Code: "repeating-discarded", Severity: Note,
		Says:    "[Round {round}][Confirmation {confirmation}]: repeating {n|discarded trial|discarded trials}.",
		Means:   "sweep measures discarded trials again at the end of their round, as often as gates.requeue allows.",
		Example: Args{"round": Count(2), "n": Count(3)},
	},
	{
		Code: "cooldown-factor", Severity: Note,
		Says: "The baseline of round {round} differs by {drift} from that of round 1. " +
			"The waits of the cool-down are multiplied by {factor} from now on.",
		Means: "With cooldown.adaptive, sweep shortens the waits while the baseline is stable, and restores them " +
			"when it drifts.",
		Example: Args{"round": Count(2), "drift": Fraction(.012), "factor": Number(.5)},
	},
	{
		Code: "gpu-memory-back", Severity: Note,
		Says:    "GPU memory is free again.",
		Means:   "The memory that was held after a server stopped is free again, so launches continue.",
		Example: Args{},
	},
	{
		Code: "gpu-reader-left", Severity: Caveat,
		Says:    "The GPU driver does not answer, so the run ended without it.",
		Do:      "Check the driver with nvidia-smi.",
		Means:   "A call into the driver did not return.",
		Example: Args{},
	},
	{
		Code: "confirmation-begins", Severity: Note,
		Says:    "Confirming {configurations} on {n|restarted server|restarted servers}.",
		Means:   "The screening rounds are done. The finalists and the baseline are measured again.",
		Example: Args{"configurations": List("max-num-seqs=64", "baseline"), "n": Count(10)},
	},
	{
		Code: "confirmation-empty", Severity: Note,
		Says:    "There is nothing to confirm.",
		Means:   "The recommendation is the baseline, or there is none.",
		Example: Args{},
	},
	{
		Code: "report-not-written", Severity: Caveat,
		Says:    "sweep could not write the report: {error}.",
		Do:      "Run sweep report DIR when the run has ended.",
		Means:   "The records are safe. The report in DIR/report is older than they are.",
		Example: Args{"error": Text("no space left on device")},
	},
	{
		Code: "rates-found", Severity: Note,
		Says:    "Load {load}: {synchronous} synchronous and {saturated} saturated on the baseline.",
		Means:   "The rates of a sweep load lie between these two. Every configuration is measured at the same rates.",
		Example: Args{"load": Text("chat"), "synchronous": Metric("request_throughput", 2.1), "saturated": Metric("request_throughput", 31)},
	},
	{
		Code: "rates-search-failed", Severity: Caveat,
		Says:    "Attempt {try} of {of} to find the rates of load {load} failed: {error}.",
		Means:   "The cause may be temporary. After the last attempt, the load fails.",
		Example: Args{"try": Count(1), "of": Count(3), "load": Text("chat"), "error": Text("no request succeeded")},
	},
	{
		Code: "probe-unanswered", Severity: Caveat,
		Says:    "A first request of load {load} was not answered: {error}.",
		Means:   "The server is silent or busy. sweep sends the load anyway and then checks the trial.",
		Example: Args{"load": Text("chat"), "error": Text("time-out after 30 s")},
	},
	{
		Code: "launch-retried", Severity: Note,
		Says:    "{cause} sweep launches it again in {wait}.",
		Means:   "The cause may be temporary, such as a taken port. The number of attempts is limited.",
		Example: Args{"cause": Text("The port is taken."), "wait": Span(3e9)},
	},
	{
		Code: "run-starts-badly", Severity: Caveat,
		Says: "Of the first {tried|trial|trials}, {lost} {lost:was|were} discarded or failed. " +
			"{n} of them {n:has|have} this cause: {cause}.",
		Do: "[{remedy}. ]To stop the run, press Ctrl-C. You can resume it.",
		Means: "Most of the first trials brought no result, so the rest of the run may be lost, too. " +
			"sweep says this once in a run and goes on. abort_when ends such a run by itself.",
		Example: Args{
			"lost": Count(3), "tried": Count(5), "n": Count(3),
			"cause":  Text("The load generator sent requests 10.7 ms late on average."),
			"remedy": Text("Stop other programs on this machine, or run sweep on another one."),
		},
	},
	{
		Code: "run-aborted", Severity: Refused,
		Says: "sweep ended the run: {lost} of {tried|trial|trials} {lost:is|are} {rule}, " +
			"and abort_when.{rule} is {limit}. {n} of them {n:has|have} this cause: {cause}.",
		Do: "[{remedy}. ]You can resume the run. It then starts counting again.",
		Means: "The experiment file asks for this in abort_when. The server is stopped, and the results so far are " +
			"written. A resumed run counts only the trials after the abort.",
		Example: Args{
			"lost": Count(3), "tried": Count(5), "rule": Text("discarded"), "limit": Fraction(.5), "n": Count(3),
			"cause":  Text("The load generator sent requests 10.7 ms late on average."),
			"remedy": Text("Stop other programs on this machine, or run sweep on another one."),
		},
	},
	{
		Code: "trials-without-server", Severity: Note,
		Says:    "{n|trial|trials} {outcome}[ (launch {launch})].",
		Means:   "sweep did not launch the server of these trials, because an earlier launch failed.",
		Example: Args{"n": Count(2), "outcome": Text("skipped"), "launch": Text("s03-c0821f22e")},
	},
}
