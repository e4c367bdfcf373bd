package notice

import "time"

// command are the entries of what commands say about a run as a whole.
var command = []entry{
	{
		Code: "run-ended", Severity: Note,
		Says: "sweep {name} {end} after {took}: {ok} of {planned|trial|trials} {ok:is|are} valid, " +
			"{discarded} {discarded:is|are} discarded, {failed} failed.",
		Means:   "The notification at the end of a run.",
		Example: Args{"name": Text("quickstart"), "end": Text("finished"), "took": Span(166 * time.Second), "ok": Count(58), "planned": Count(60), "discarded": Count(1), "failed": Count(1)},
	},
	{
		Code: "run-unfinished", Severity: Note,
		Says:    "{done} of {planned|trial|trials} {done:is|are} done.",
		Means:   "The run ended before its plan did. It can be resumed.",
		Example: Args{"done": Count(3), "planned": Count(60)},
	},
	{
		Code: "run-resumed", Severity: Note,
		Says:    "The run is resumed: {done} of {planned|trial|trials} {done:is|are} done[, and {failed} failed].",
		Do:      "[To measure failed trials again, use {retry}.]",
		Means:   "A resumed run measures only what has no record. Failed trials are records, too.",
		Example: Args{"done": Count(3), "planned": Count(60), "failed": Count(1), "retry": Command("--retry-failed")},
	},
	{
		Code: "figures-impossible", Severity: Caveat,
		Says:    "{n|trial was|trials were} discarded, because the figures are impossible.",
		Do:      "See 'sweep analyze --details'.",
		Means:   "A consistency check of the analysis found figures that exceed what the hardware or arithmetic allows.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "simulated", Severity: Caveat,
		Says:    "The server was sweep's simulator. Its numbers show what a run looks like, not what a real GPU does.",
		Means:   "The experiment's server is simulated, to try sweep without a GPU.",
		Example: Args{},
	},
	{
		Code: "results-partial", Severity: Caveat,
		Says:    "{done} of {planned|trial|trials} {done:is|are} recorded. The recommendations may still change.",
		Means:   "The run goes on, or it was interrupted.",
		Example: Args{"done": Count(48), "planned": Count(60)},
	},
	{
		Code: "results-short", Severity: Caveat,
		Says:    "{done} of {planned|trial|trials} {done:is|are} recorded. The run ended without the others.",
		Means:   "The run came to its end, and some trials have no record.",
		Example: Args{"done": Count(48), "planned": Count(60)},
	},
	{
		Code: "import-recomputed", Severity: Note,
		Says:    "sweep computed {n} of {all|result|results} from {n:its|their} requests.",
		Means:   "The other results are the tools' own summaries, because their files have no record of each request.",
		Example: Args{"n": Count(3), "all": Count(4)},
	},
	{
		Code: "import-no-baseline", Severity: Note,
		Says:    "Nothing is compared, because no configuration is the baseline.",
		Do:      "Choose one with --baseline: {configurations}.",
		Means:   "Without a baseline, results have values and no changes or verdicts.",
		Example: Args{"configurations": Text("default")},
	},
}
