package notice

import "time"

// What to do about a load generator that is too slow for the load.
const moreRoom = "Give the load generator its own CPUs (taskset, cpuset), lower the load, or run sweep on another machine." +
	"[ If it must share the server's CPUs, allow for that with {allow}.]"

// load are the entries of the load generator, our own or another tool.
var load = []entry{
	// Why a load does not count.
	{
		Code: "client-late", Severity: Discarded,
		Says: "The load generator sent requests {lag} late ({kind}, {stat}). The limit is {limit}.",
		Do:   moreRoom,
		Means: "The load generator, not the server, delayed requests, and latencies include that delay. " +
			"The limit follows from the median time to first token. " +
			"Own lag runs from the intended send to the first byte in the kernel. " +
			"Dispatch lag is the part before the request is taken up, write lag the part after it has a connection.",
		Example: Args{"lag": Latency(10700 * time.Microsecond), "kind": Text("own lag"), "stat": Text("mean"), "limit": Latency(7690 * time.Microsecond), "allow": Text("gates.client: shared")},
	},
	{
		Code: "client-slots-idle", Severity: Discarded,
		Says: "Slots stood idle for {lag} on average between an answer and the next request. The limit is {limit}.",
		Do:   moreRoom,
		Means: "In a closed loop, each slot sends its next request when an answer ends. " +
			"The load generator was too slow to do so, and throughput is too low by the share of time that the slots stood idle.",
		Example: Args{"lag": Latency(900 * time.Microsecond), "limit": Latency(250 * time.Microsecond)},
	},
	{
		Code: "client-no-connection", Severity: Discarded,
		Says:    "The load generator had no connection for {n|request|requests}: {error}.",
		Means:   "The load generator's machine ran out of ports, open files or memory, so those requests never reached the server.",
		Example: Args{"n": Count(2), "error": Text("this process may open no more files: raise the limit (ulimit -n)")},
	},
	{
		Code: "client-gaps-lost", Severity: Discarded,
		Says: "The load generator read chunks over {late} late, which hides {share} of the gaps between them. The limit is {limit}.",
		Do:   moreRoom,
		Means: "Chunks that wait in the kernel arrive in one read, and their gaps become zero. " +
			"Inter-token latency would look better than it was.",
		Example: Args{"late": Latency(time.Millisecond), "share": Fraction(0.05), "limit": Fraction(0.01)},
	},
	{
		Code: "client-read-late", Severity: Discarded,
		Says: "The load generator read chunks {lag} late (p99). The limit is {limit} without kernel timestamps.",
		Do:   moreRoom,
		Means: "Without kernel timestamps, a chunk counts as received when the load generator reads it. " +
			"That delay is part of the latencies, and it was too large.",
		Example: Args{"lag": Latency(4 * time.Millisecond), "limit": Latency(time.Millisecond)},
	},
	{
		Code: "client-behind", Severity: Discarded,
		Says:    "{due|request was|requests were} due in the window, but the load generator sent {sent}.",
		Do:      moreRoom,
		Means:   "The load generator could not keep up with the schedule of an open loop, so the server got less load than asked for.",
		Example: Args{"due": Count(3000), "sent": Count(2840)},
	},
	{
		Code: "client-cpu", Severity: Discarded,
		Says: "The load generator used {share} of its CPUs. The limit is {limit}.",
		Do:   moreRoom,
		Means: "A load generator that is short of CPU time delays requests and reads, even if no single lag " +
			"exceeds its limit.",
		Example: Args{"share": Fraction(0.82), "limit": Fraction(0.7)},
	},
	{
		Code: "run-canceled", Severity: Discarded,
		Says: "The run was canceled before its end.",
		Means: "The tool's own file says that its user stopped the run. The part before that is not the requested " +
			"load.",
		Example: Args{},
	},
	{
		Code: "run-incomplete", Severity: Discarded,
		Says:    "{tool} calls the run incomplete[: {why}].",
		Means:   "The tool's own file says that it did not complete the load.",
		Example: Args{"tool": Text("AIPerf"), "why": Text("the server ended")},
	},

	// Doubts about the load.
	{
		Code: "no-window", Severity: Caveat,
		Says:    "The measured window never opened or closed at once, so throughput is unknown.",
		Means:   "The load ended during its warm-up.",
		Do:      "Lengthen the load or shorten the warm-up.",
		Example: Args{},
	},
	{
		Code: "no-kernel-timestamps", Severity: Caveat,
		Says:    "The kernel gave no timestamps ({why}), so latencies include the load generator's own read lag.",
		Means:   "On Linux and over plain HTTP, the kernel stamps each chunk when it arrives. Here the load generator's clock stamps it when it is read.",
		Example: Args{"why": Text("https")},
	},
	{
		Code: "few-kernel-timestamps", Severity: Caveat,
		Says:    "Only {share} of the reads have a kernel timestamp. The other latencies include the load generator's own read lag.",
		Means:   "The kernel stamped only some of the chunks.",
		Example: Args{"share": Fraction(0.83)},
	},
	{
		Code: "slow-connections", Severity: Caveat,
		Says:    "{n|connection|connections} took over {limit} to open. Latencies that count from the schedule include that.",
		Means:   "The server's queue of new connections was full, or packets were lost.",
		Example: Args{"n": Count(3), "limit": Latency(900 * time.Millisecond)},
	},
	{
		Code: "requests-resent", Severity: Caveat,
		Says:    "{n|request was|requests were} sent again on a new connection, because the server had closed the kept one. Latencies include both attempts.",
		Means:   "A server may close an idle connection just as the next request goes out on it.",
		Example: Args{"n": Count(2)},
	},
	{
		Code: "in-flight-grew", Severity: Caveat,
		Says:    "Requests in flight grew from {from} to {to} during the window: the load exceeds the server's capacity.",
		Do:      "Lower the rate, or read the throughput only.",
		Means:   "The queue grew all the time, so latencies depend on how long the window was.",
		Example: Args{"from": Number(12), "to": Number(88)},
	},
	{
		Code: "throughput-unsteady", Severity: Caveat,
		Says:    "Throughput changed by {change} from the first half of the window to the second.",
		Do:      "Lengthen the warm-up or the window.",
		Means:   "The two halves differ by more than chance explains, so the window shows a transition and not a steady state.",
		Example: Args{"change": Ratio(1.12)},
	},
	{
		Code: "littles-law", Severity: Caveat,
		Says:    "{mean|request was|requests were} in flight on average, but rate × latency gives {product}.",
		Do:      "Lengthen the window.",
		Means:   "Little's law holds in a steady state. If it is off by more than 5%, the window is not steady.",
		Example: Args{"mean": Number(12.1), "product": Number(9.4)},
	},
	{
		Code: "cap-reached", Severity: Caveat,
		Says:    "With at most {cap} in flight, {waited|request|requests} waited for a slot, for up to {longest}, and {dropped|request was|requests were} never sent.",
		Means:   "When an open loop reaches its concurrency cap, the server's delay slows the arrivals, as in a closed loop.",
		Example: Args{"cap": Count(64), "waited": Count(12), "longest": Span(800 * time.Millisecond), "dropped": Count(3)},
	},
	{
		Code: "few-requests-per-slot", Severity: Caveat,
		Says:    "The window has {n|request|requests} for {slots|slot|slots}. Throughput of a closed loop needs at least {least} per slot.",
		Do:      "Lengthen the window.",
		Means:   "At the beginning and the end of the window not all slots are busy. With few requests per slot, that weighs too much.",
		Example: Args{"n": Count(96), "slots": Count(64), "least": Count(4)},
	},
	{
		Code: "trace-ended", Severity: Caveat,
		Says:    "The trace ended before the load: after the warm-up it has {n|request|requests} in {window}.",
		Means:   "More requests or a longer window were asked for than the trace holds.",
		Example: Args{"n": Count(480), "window": Span(40 * time.Second)},
	},
	{
		Code: "no-warmup", Severity: Caveat,
		Says:    "There was no warm-up: the window begins on an idle server, which understates throughput.",
		Do:      "Set a warm-up.",
		Means:   "An idle server fills its slots first, and its first requests find no contention.",
		Example: Args{},
	},
	{
		Code: "warmup-long", Severity: Caveat,
		Says:    "The warm-up took {took} instead of {asked}, because every slot's first request had to end.",
		Means:   "The window opens when the warm-up's requests have ended. Answers were longer than the warm-up.",
		Example: Args{"took": Span(19 * time.Second), "asked": Span(10 * time.Second)},
	},
	{
		Code: "warmup-failed", Severity: Caveat,
		Says:    "The warm-up failed completely[: none of {n|request|requests} succeeded ({classes})][: {error}].",
		Means:   "The server was cold when the window opened, so the first requests of the window may be slow.",
		Example: Args{"n": Count(8), "classes": Text("http 8"), "error": Text("503 Service Unavailable")},
	},
	{
		Code: "requests-failed", Severity: Caveat, Apart: "class",
		Says:    "{n|request|requests} failed ({class})[: {error}].",
		Means:   "Latencies leave out failed requests, so they describe only the others.",
		Example: Args{"n": Count(3), "class": Text("timeout"), "error": Text("the time-out of the request was reached")},
	},
	{
		Code: "prompts-repeat", Severity: Caveat,
		Says:    "{n|request|requests} used {prompts} different prompts, so a prefix cache answers part of them.",
		Do:      "Use a larger dataset or fewer requests.",
		Means:   "Prompts were sent more than once.",
		Example: Args{"n": Count(3000), "prompts": Count(1000)},
	},
	{
		Code: "tokens-not-counted", Severity: Caveat,
		Says: "{n} of {all|answer|answers} came without token counts (usage), so each chunk counts as one token.",
		Means: "The server did not report the number of tokens. If a chunk carries several, the throughput is too " +
			"low.",
		Example: Args{"n": Count(40), "all": Count(200)},
	},
	{
		Code: "prompt-lengths-off", Severity: Caveat,
		Says:    "Prompts have {got|token|tokens} on average by the server's count, but {asked} {asked:was|were} asked for.",
		Means:   "The server's tokenizer or chat template produces prompts of a different length than planned.",
		Example: Args{"got": Number(530), "asked": Number(512)},
	},
	{
		Code: "prompt-lengths-measured", Severity: Caveat,
		Says:    "Prompt lengths are approximate ({error}): {tokens|token|tokens} per word and {template} more for the chat template.",
		Means:   "sweep could not find words of exactly one token each, so it measured the mean of two prompts with POST /tokenize.",
		Example: Args{"tokens": Number(1.31), "template": Count(9), "error": Text("only 41 of 512 words are single tokens")},
	},
	{
		Code: "prompt-lengths-assumed", Severity: Caveat,
		Says:    "Prompt lengths are assumed ({error}): {tokens|token|tokens} per word and {template} more for the chat template.",
		Means:   "The server has no route that counts tokens, so sweep uses typical values.",
		Example: Args{"tokens": Number(1), "template": Count(8), "error": Text("POST /tokenize: 404 Not Found")},
	},
	{
		Code: "answer-lengths-approximate", Severity: Caveat,
		Says: "The dataset's answer lengths are approximate[ after the first {exact|request|requests}], " +
			"at {bytes|byte|bytes} per token[ (counted over {counted|answer|answers})][: {error}].",
		Means: "The server counts the tokens of the first answers of a dataset. " +
			"The lengths of the others follow from their bytes. Without a count, 4 bytes per token are assumed.",
		Example: Args{"exact": Count(2000), "bytes": Number(4.2), "counted": Count(2000)},
	},
	{
		Code: "chunks-bundle-tokens", Severity: Caveat,
		Says:    "Chunks carry {tokens|token|tokens} on average, so inter-token latency is the time between chunks, not between tokens.",
		Means:   "Speculative decoding and --stream-interval put several tokens into one chunk.",
		Example: Args{"tokens": Number(1.8)},
	},
	{
		Code: "chunks-coalesced", Severity: Caveat,
		Says:    "{share} of the chunks came with the same read as the one before, so inter-token latency shows bundles.",
		Means:   "The server, a proxy or the network sent chunks together.",
		Example: Args{"share": Fraction(0.25)},
	},
	{
		Code: "sessions-cut", Severity: Caveat,
		Says:    "{n} of {all|session|sessions} ended early because one of their requests failed.",
		Means:   "A conversation cannot go on without the answer to its last turn, so later turns are missing from the load.",
		Example: Args{"n": Count(3), "all": Count(60)},
	},
	{
		Code: "sessions-long", Severity: Caveat,
		Says:    "Sessions last {mean} on average, longer than the warm-up of {warmup}.",
		Do:      "Set a warm-up that is longer than a session.",
		Means:   "The window begins with more first turns than it ends with.",
		Example: Args{"mean": Span(40 * time.Second), "warmup": Span(10 * time.Second)},
	},
	{
		Code: "several-addresses", Severity: Caveat,
		Says:    "{name} resolves to {n} addresses. All requests went to {address}.",
		Means:   "A name is looked up once, so that all requests go to one server. Other servers behind the name got no load.",
		Example: Args{"name": Text("vllm.example"), "n": Count(2), "address": Text("10.0.0.7:8000")},
	},
	{
		Code: "too-few-requests", Severity: Note,
		Says:    "{n|successful request is|successful requests are} too few for {percentiles}.",
		Do:      "Lengthen the window to get them.",
		Means:   "Each percentile needs a minimum number of requests. Below it, sweep leaves the percentile out.",
		Example: Args{"n": Count(200), "percentiles": List("p97 (219)", "p99 (662)")},
	},

	// Who shares the processors.
	{
		Code: "client-shares-machine", Severity: Note,
		Says: "The load generator and the server share this machine ({why}). " +
			"sweep discards a trial if requests leave more than {late} late, or {share} of the median TTFT.",
		Do:      "To apply the strict limits anyway, set gates.client: strict.",
		Means:   "The load generator is held to looser limits where it shares the server's CPUs.",
		Example: Args{"why": Text("declared"), "late": Latency(5 * time.Millisecond), "share": Fraction(0.05)},
	},
	{
		Code: "vllm-cores-unknown", Severity: Note,
		Says:    "vLLM's log does not say which cores its threads are bound to.",
		Do:      leaveCore,
		Means:   "A vLLM on CPUs may bind its threads to all cores and leave none to the load generator.",
		Example: Args{"binding": Text("0-2"), "core": Count(3)},
	},
	{
		Code: "vllm-cores-free", Severity: Note,
		Says:    "vLLM binds its threads to {cores} and leaves {free} to the load generator.",
		Means:   "The load generator has CPUs of its own.",
		Example: Args{"cores": Text("cores 0-2"), "free": Text("core 3")},
	},
	{
		Code: "vllm-cores-all", Severity: Note,
		Says:    "vLLM binds its threads to {cores}, which are all that the load generator may use.",
		Do:      "[" + leaveCore + "]",
		Means:   "vLLM's threads and the load generator compete for the same CPUs.",
		Example: Args{"cores": Text("cores 0-3"), "binding": Text("0-2"), "core": Count(3)},
	},
}

const leaveCore = "Set VLLM_CPU_OMP_THREADS_BIND={binding} in the server's environment to leave core {core} to the load generator."

// arrival are the entries of package arrivals.
var arrival = []entry{
	{
		Code: "arrivals-rate", Severity: Discarded,
		Says:    "The load generator sent {n|request|requests} in {time}, but {law} asks for about {expected}.",
		Means:   "The number of requests differs from the requested rate by more than chance explains.",
		Example: Args{"n": Count(876), "time": Span(12 * time.Second), "law": Text("poisson 4/s"), "expected": Number(48)},
	},
	{
		Code: "arrivals-repeat", Severity: Discarded,
		Says:    "{n} of {all|gap|gaps} between sends {n:equals|equal} the gap before them, which {law} does not produce.",
		Means:   "The load generator repeats gaps instead of drawing each one.",
		Example: Args{"n": Count(120), "all": Count(239), "law": Text("poisson 4/s")},
	},
	{
		Code: "arrivals-shape", Severity: Discarded,
		Says:    "The gaps between sends are not those of {law}: their distribution is off by {off}, and they vary by {variation} of their mean.",
		Means:   "The gaps follow a different distribution than requested, so bursts are stronger or weaker.",
		Example: Args{"law": Text("poisson 4/s"), "off": Fraction(0.31), "variation": Number(0.1)},
	},
	{
		Code: "arrivals-uneven", Severity: Discarded,
		Says:    "Half of the gaps between sends are more than {off} off the {gap} of {law}.",
		Means:   "A constant rate has equal gaps. These vary more than clocks and event loops explain.",
		Example: Args{"off": Latency(80 * time.Millisecond), "gap": Latency(200 * time.Millisecond), "law": Text("constant 5/s")},
	},
}
