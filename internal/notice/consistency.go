package notice

// check are the entries about figures that contradict each other: the
// consistency checks of the analysis.
var check = []entry{
	// Of one trial.
	{
		Code: "failed-requests", Severity: Caveat,
		Says:    "{n} of {requests|request|requests} failed. Latencies and rates are those of the others.",
		Means:   "More than 5% of the requests failed. The check gates.failures decides whether such a trial counts.",
		Example: Args{"n": Count(20), "requests": Count(260)},
	},
	{
		Code: "e2e-identity", Severity: Caveat,
		Says:    "The mean end-to-end latency is {e2e}, but TTFT + TPOT × {tokens|token|tokens} gives {sum}. The TPOT that fits is {implied}, not {tpot}.",
		Means:   "An end-to-end latency is TTFT plus TPOT for each further token. One of the three was measured in another way.",
		Example: Args{"e2e": Seconds(1), "tokens": Number(99), "sum": Seconds(0.604), "implied": Seconds(0.008), "tpot": Seconds(0.004)},
	},
	{
		Code: "concurrency", Severity: Caveat,
		Says: "[{in_flight|request was|requests were} in flight on average][Throughput × latency gives {product|request|requests} in flight], " +
			"but the load declares concurrency {declared}.",
		Means:   "The results are those of a lower concurrency than the declared one.",
		Example: Args{"in_flight": Number(5.1), "declared": Number(8)},
	},
	{
		Code: "server-queue", Severity: Note,
		Says: "[On average {in_flight|request was|requests were} in flight, but max-num-seqs is {places}. About {beyond} waited at the server. Their wait is part of TTFT.]" +
			"[{waiting|request|requests} waited at the server on average. Their wait is part of TTFT.]",
		Means:   "Requests above that number wait in the server's queue.",
		Example: Args{"in_flight": Number(4), "places": Number(2), "beyond": Number(2)},
	},
	{
		Code: "client-server", Severity: Caveat, Apart: "metric",
		Says:    "The client measured {metric} as {client}, and the server as {server}.",
		Means:   "The two measure the same time and differ by more than 20%. Networks, proxies and the client lie between them.",
		Example: Args{"metric": Text("TPOT mean"), "client": Seconds(0.008), "server": Seconds(0.016)},
	},
	{
		Code: "token-count", Severity: Caveat,
		Says: "[The client counted {client}, and the server counted {server}.][The engine's own figures are left " +
			"out: {why}.]",
		Means: "Client and server counted different tokens or requests. Other clients may have used the server, " +
			"or its figures cover one of several workers.",
		Example: Args{"client": Metric("output_throughput", 400), "server": Metric("output_throughput", 500)},
	},
	{
		Code: "tokens-per-chunk", Severity: Note,
		Says:    "Chunks carry about {tokens|token|tokens} each, so ITL is the gap between chunks.",
		Do:      "Compare TPOT instead.",
		Means:   "The server or a proxy sends several tokens at once. Gaps between chunks are not comparable with gaps between tokens.",
		Example: Args{"tokens": Number(4)},
	},
	{
		Code: "offered-rate", Severity: Caveat,
		Says:    "The load asks for {asked}, and the client sent {sent}.",
		Means:   "The rate sent is off by more than 2%, or by more than Poisson arrivals explain.",
		Example: Args{"asked": requestRate(4), "sent": requestRate(3.8)},
	},
	{
		Code: "saturated", Severity: Note,
		Says:    "The load asks for {asked}, and the server completed {completed}. It is saturated, so latencies grow with the length of the run.",
		Means:   "The queue of a saturated server grows as long as the load lasts. Only its throughput is meaningful.",
		Example: Args{"asked": requestRate(8), "completed": requestRate(4)},
	},
	{
		Code: "prefix-cache", Severity: Note,
		Says: "{share} of the prompt tokens came from the prefix cache.",
		Means: "That is expected of a load that shares prefixes. Otherwise prompts were repeated, and prefill was " +
			"faster than for new ones.",
		Example: Args{"share": Fraction(0.4)},
	},
	{
		Code: "roofline", Severity: Discarded,
		Says: "[{rate} is more than {gpus} can compute for {parameters} billion parameters, which is {most}.]" +
			"[A TPOT of {tpot} is shorter than {gpus} takes to read the weights, which is {least}.]",
		Means: "Each token costs two operations per parameter, and each step reads every weight once. Requests were " +
			"refused, or prompts were not processed.",
		Example: Args{
			"rate": Metric("total_throughput", 200000), "gpus": Text("1 x H100"), "parameters": Number(8), "most": Metric("total_throughput", 123688),
		},
	},

	// Of configurations.
	{
		Code: "identical", Severity: Caveat,
		Says:    "{one} and {other} have the same figures to the last digit. A flag was not applied, or a result was copied.",
		Means:   "Two measurements never agree in every digit of three latencies or more.",
		Example: Args{"one": Text("baseline"), "other": Text("block-size=32")},
	},
	{
		Code: "identical-cache", Severity: Caveat,
		Says:    "{one} and {other} have the same KV cache of {tokens|token|tokens}, so {flag} seems not to be in effect.",
		Means:   "The flag must change the size of the KV cache, but the servers' logs report the same size.",
		Example: Args{"one": Text("baseline"), "other": Text("gpu-memory-utilization=0.95"), "tokens": Count(50000), "flag": Text("gpu-memory-utilization")},
	},
	{
		Code: "confounded", Severity: Note,
		Says:    "{configuration} differs from {nearest}, the nearest configuration, in {flags}.",
		Do:      "To see the effect of each flag, also measure each change alone.",
		Means:   "The effect cannot be assigned to one of the flags.",
		Example: Args{"configuration": Text("max-num-seqs=64, block-size=32"), "nearest": Text("baseline"), "flags": List("max-num-seqs=64", "block-size=32")},
	},
	{
		Code: "lengths", Severity: Caveat,
		Says: "{configuration} at {point} has other lengths than the other configurations.[ Its answers have {answers|token|tokens} instead of {usual_answers}.]" +
			"[ Its prompts have {prompts|token|tokens} instead of {usual_prompts}.]",
		Do:    "Compare only metrics that do not depend on them, such as TPOT.",
		Means: "Rates and end-to-end latencies are those of another load, so they get no verdict, no place on the frontier and no recommendation.",
		Example: Args{
			"configuration": Text("max-num-seqs=2"), "point": Text("chat c=16"), "answers": Number(56), "usual_answers": Number(200),
		},
	},
}
