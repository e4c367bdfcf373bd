package notice

import "time"

// unread is the entry of why a file is not read: a clause.
func unread(code Code, says string, example Args) entry {
	return entry{Code: code, Severity: Note, Says: says, Example: example,
		Means: "sweep import names every file of a folder that it leaves out, with the reason."}
}

// reasons are why a file is not read.
var reasons = []entry{
	unread("import-empty", "the file is empty", nil),
	unread("import-binary", "binary: a format that sweep does not read", nil),
	unread("import-page", "a page: the results are in the tool's JSON report", nil),
	unread("import-manifest", "a manifest of the server: sweep reads it with the results", nil),
	unread("import-perf-configuration", "a configuration of inference-perf: sweep reads it with the results", nil),
	unread("import-unknown", "none of the known formats", nil),
	unread("import-unknown-json", "JSON, but none of the known formats", nil),
	unread("import-without-keys", "a document without keys", nil),
	unread("guidellm-table", "GuideLLM's table: its headings are not unique, and the results are in its JSON report", nil),
	unread("aiperf-several", "AIPerf's account of several runs: sweep reads each run separately", nil),
	unread("aiperf-slices", "parts of an AIPerf run: sweep reads the whole run", nil),
	unread("aiperf-table", "a table of AIPerf, one metric per row: the results are in its JSON files", nil),
	unread("aiperf-account", "AIPerf's account of its run or of the server: sweep reads it with the results, or "+
		"does not need it", nil),
	unread("aiperf-warmup", "a warm-up of an AIPerf run, in which nothing was measured", nil),
	unread("aiperf-phase", "one phase of the AIPerf run above it", nil),
	unread("aiperf-summary", "sums up the records next to it: sweep takes the load and the model from it", nil),
	unread("aiperf-pool", "pools the phases below it: sweep reads each phase separately", nil),
	unread("runs-summary", "repeats the runs next to it", nil),
	unread("runs-warmup", "the warm-up of the runs next to it", nil),
	unread("runs-table", "repeats the runs below it", nil),
	unread("runs-failed", "a failed benchmark of vllm bench sweep: nothing was measured", nil),
	unread("stages-pool", "pools the stages next to it", nil),
	unread("import-of-server", "{what}: sweep reads it with the client's file",
		Args{"what": Text("the server's metrics of inference-perf")}),
	unread("import-without-results", "no results: {error}", Args{"error": Text("invalid JSON")}),
	unread("import-other-table", "a table of something else: {error}",
		Args{"error": Text("sweep knows no metric among its columns")}),
}

// imports are the entries about results that other tools measured.
var imports = []entry{
	// Of a file.
	{
		Code: "file-left-out", Severity: Note, Apart: "why",
		Says:    "sweep left this file out: {why}.",
		Means:   "A folder may hold files next to the results. sweep names each one that it did not import.",
		Example: Args{"why": Said(Notice{Code: "aiperf-warmup"})},
	},
	{
		Code: "results-known", Severity: Note,
		Says:    "{n} of {all|result|results} {n:is|are} in another file already.",
		Means:   "Tools write the same measurement into several files. sweep keeps the most detailed one.",
		Example: Args{"n": Count(3), "all": Count(12)},
	},
	{
		Code: "column-unnamed", Severity: Caveat,
		Says:    "Column {column} of the table has no name, so sweep left it out.",
		Do:      "Name the column in the table's header.",
		Means:   "Without a name, sweep cannot tell what the numbers of a column are.",
		Example: Args{"column": Count(13)},
	},
	{
		Code: "rows-ragged", Severity: Caveat,
		Says:    "sweep left out {n|row|rows} with more or fewer fields than the header. The first is on line {line}.",
		Do:      "Correct the table.",
		Means:   "A row with another number of fields cannot be matched with the columns.",
		Example: Args{"n": Count(2), "line": Count(7)},
	},

	// Of a result: what its file does not say.
	{
		Code: "clock-from-send", Severity: Caveat,
		Says:    "Latencies count from the actual send, because the file does not record when requests were due.",
		Means:   "In an open loop, the latencies then leave out any wait in the load generator.",
		Example: Args{},
	},
	{
		Code: "clock-partly-from-send", Severity: Caveat,
		Says:    "{n|request has|requests have} no usable intended send, so {n:its latency counts|their latencies count} from the actual one.",
		Means:   "A wait in the load generator is not part of the latencies of these requests.",
		Example: Args{"n": Count(12)},
	},
	{
		Code: "clock-unknown", Severity: Caveat,
		Says: "The table does not say from which moment its latencies count, or whether its percentiles count " +
			"requests or tokens.",
		Means:   "Tools count latencies from the intended or the actual send, and percentiles over requests or tokens.",
		Example: Args{},
	},
	{
		Code: "request-count-unknown", Severity: Caveat,
		Says:    "The file does not say how many requests it describes, so its percentiles may rest on few.",
		Means:   "sweep leaves out percentiles that rest on too few requests. Without their number, it cannot.",
		Example: Args{},
	},
	{
		Code: "start-times-missing", Severity: Caveat,
		Says:    "The file has no start times: latencies come from its requests, and throughput from its totals.",
		Means:   "Without start times, sweep cannot place the requests in time, so it writes no requests.parquet.",
		Example: Args{},
	},
	{
		Code: "request-lists-unequal", Severity: Caveat,
		Says:    "The file's lists of requests have different lengths, so sweep used the tool's own summary.",
		Means:   "Values of one request cannot be matched across lists of different lengths.",
		Example: Args{},
	},
	{
		Code: "tpot-weighs-tokens", Severity: Caveat,
		Says:    "Percentiles of time per output token weigh every token, not every request.",
		Means:   "GuideLLM 0.4 and later compute them that way. Long answers count for more than short ones.",
		Example: Args{},
	},

	// Of a result: requests that are missing from it.
	{
		Code: "requests-cut-off", Severity: Caveat,
		Says:    "sweep left out {n} of {all|request|requests}, which {n:was|were} cut off when the time ended.",
		Means:   "Long answers are cut off more often than short ones, so they are under-represented.",
		Example: Args{"n": Count(23), "all": Count(609)},
	},
	{
		Code: "requests-empty", Severity: Caveat,
		Says:    "{n|request|requests} returned no token and {n:counts as a failure|count as failures}.",
		Means:   "The tool may have counted them as completed.",
		Example: Args{"n": Count(379)},
	},
	{
		Code: "requests-unaccounted", Severity: Caveat,
		Says:    "{n} of {all|request|requests} neither completed nor failed.",
		Means:   "The tool's totals do not account for every request that was asked for.",
		Example: Args{"n": Count(498), "all": Count(1000)},
	},
	{
		Code: "requests-lost", Severity: Caveat,
		Says:    "The tool lost {n} of {all|request|requests}: they began but have no record.",
		Means:   "The tool's scheduler counts more requests than it recorded as completed, failed or canceled.",
		Example: Args{"n": Count(1), "all": Count(20)},
	},
	{
		Code: "requests-stripped", Severity: Caveat,
		Says:    "The file has {n} of {all|request|requests}, so sweep used the tool's own summary.",
		Means:   "The tool wrote only a sample of its requests.",
		Example: Args{"n": Count(1), "all": Count(46)},
	},
	{
		Code: "requests-partial", Severity: Caveat,
		Says:    "The file has {n} of {all|successful request|successful requests}, and the results describe only those.",
		Means:   "The tool's summary counts more requests than its records hold.",
		Example: Args{"n": Count(90), "all": Count(100)},
	},
	{
		Code: "phases-overlap", Severity: Caveat,
		Says:    "AIPerf did not wait between phases (seamless), so requests of a neighboring phase were in flight too.",
		Means:   "Part of the load on the server belongs to another phase of the run.",
		Example: Args{},
	},

	// Of a result: its load.
	{
		Code: "sends-impossible", Severity: Discarded,
		Says:    "{n} of {all|intended send|intended sends} cannot be right.",
		Means:   "They are earlier than the run, or later than the request was sent, so the schedule was not kept.",
		Example: Args{"n": Count(10), "all": Count(48)},
	},
	{
		Code: "sends-late", Severity: Caveat,
		Says:    "The load generator sent requests {late} late on average.",
		Means:   "The tool's own summary says so. Its latencies leave that wait out.",
		Example: Args{"late": Latency(180 * time.Millisecond)},
	},
	{
		Code: "rate-not-sent", Severity: Caveat,
		Says:    "The load generator sent {sent} instead of {asked}[, with 99% of the requests up to {late} late].",
		Means:   "The load generator held requests back, and its latencies leave that wait out.",
		Example: Args{"sent": requestRate(7.4), "asked": requestRate(10), "late": Latency(2 * time.Second)},
	},
	{
		Code: "rate-not-served", Severity: Caveat,
		Says:    "The server completed {served} of {asked}, so the queue grew all the time.",
		Do:      "Lower the rate, or read the throughput only.",
		Means:   "The load exceeds the server's capacity, so latencies depend on how long the run was.",
		Example: Args{"served": requestRate(3.9), "asked": requestRate(8)},
	},

	// Of a result: figures that contradict each other.
	{
		Code: "value-implausible", Severity: Caveat, Apart: "what",
		Says:    "The file says that {what} is {value}, which is not a measurement.",
		Means:   "sweep leaves out values that are not finite or beyond every real quantity.",
		Example: Args{"what": Text("the length of the run"), "value": Text("1e+300")},
	},
	{
		Code: "throughput-contradicts", Severity: Caveat, Apart: "metric",
		Says:    "The file's {metric} is {stated}, but its counts and its duration give {computed}.",
		Means:   "A throughput is a count divided by the length of the run. One of the three is wrong.",
		Example: Args{"metric": Text("request throughput"), "stated": requestRate(2.1), "computed": requestRate(1.94)},
	},
	{
		Code: "tokens-contradict", Severity: Caveat,
		Says:    "The file states {stated|token|tokens}, but its requests and their lengths give {computed}.",
		Means:   "A length or a count in the table is wrong.",
		Example: Args{"stated": Number(64000), "computed": Number(61500)},
	},
	{
		Code: "tpot-contradicts", Severity: Caveat,
		Says: "The file states a time per output token of {stated}, but its other latencies give {implied}. " +
			"sweep leaves the stated one out.",
		Means: "End-to-end latency is TTFT plus the time of all further tokens. " +
			"Tools that count events without a token as tokens compute a wrong time per token.",
		Example: Args{"stated": Seconds(0.004), "implied": Seconds(0.0085)},
	},
	{
		Code: "tpot-client-server", Severity: Caveat,
		Says:    "The client measured a time per output token of {client}, the server {server}.",
		Means:   "The tool recorded the server's own histogram too, and the two means differ by more than 30%.",
		Example: Args{"client": Seconds(0.004), "server": Seconds(0.0085)},
	},
	{
		Code: "impossibly-fast", Severity: Discarded,
		Says: "The table gives {each} per output token in each stream, and no server generates that fast.",
		Means: "Requests were refused, or the counts are wrong: " +
			"a server reads its weights once per step, which takes longer than 1 ms.",
		Example: Args{"each": Seconds(0.0003)},
	},
	{
		Code: "files-contradict", Severity: Caveat,
		Says:    "The same numbers are in {file}[ ({place})] with {there} instead of {here}.",
		Do:      "Find out which file is right.",
		Means:   "Two files state the same measurement and disagree about the server's flags.",
		Example: Args{"file": Text("output.csv"), "place": Text("line 7"), "there": Text("num-scheduler-step=0"), "here": Text("num-scheduler-step=1")},
	},

	// Of the import as a whole.
	{
		Code: "imported", Severity: Caveat,
		Says:    "sweep did not launch these servers or make this load. What the files do not say is unknown.",
		Means:   "Imported results come from other tools, with their validity checks instead of sweep's.",
		Example: Args{},
	},
	{
		Code: "import-restarts-unknown", Severity: Caveat,
		Says:    "The files do not say whether the server restarted between repeats, so all repeats count as one launch.",
		Do:      "If it restarted for every file, declare that with --restarted.",
		Means:   "Differences between launches are then not part of the intervals.",
		Example: Args{},
	},
	{
		Code: "import-order-unknown", Severity: Caveat,
		Says:    "The files do not say that the order of the configurations was randomized, so drift may look like an effect of flags.",
		Means:   "Configurations that were measured one after another differ in their flags and in the time of day.",
		Example: Args{},
	},
	{
		Code: "several-changes", Severity: Caveat,
		Says:    "Compared with {middle}, {configuration} changes several flags at once: {flags}.",
		Means:   "The effect cannot be assigned to one of the flags.",
		Example: Args{"middle": Text("max-num-seqs=512"), "configuration": Text("max-num-seqs=1024"), "flags": List("max-num-seqs", "max-num-batched-tokens")},
	},
}

func requestRate(v float64) Arg { return Metric("request_throughput", v) }
