package notice

import "time"

// condition is the entry of what a cool-down waits for: a clause.
func condition(code Code, says string, example Args) entry {
	return entry{Code: code, Severity: Note, Says: says, Example: example,
		Means: "The cool-down before a launch waits until the GPUs meet the targets of cooldown."}
}

// because is the entry of how sweep knows where client and server run: a clause.
func because(code Code, says string, example Args) entry {
	return entry{Code: code, Severity: Note, Says: says, Example: example,
		Means: "sweep applies looser limits to a load generator that shares CPUs with the server."}
}

// sharing is how that is known.
var sharing = []entry{
	because("declared", "declared", nil),
	because("simulated-here", "the server is simulated on this machine", nil),
	because("server-busy-here",
		"the server runs on this machine, and {busy} of its processors were busy with other work than the client",
		Args{"busy": Fraction(0.62)}),
	because("container-without-gpu", "the server's container has no GPU, so the server computes on the CPU", nil),
	because("container-with-gpus", "the server's container has GPUs", nil),
	because("process-without-gpu", "the server finds no GPU, so it computes on the CPU", nil),
	because("vllm-for-cpus", "this build of vLLM computes on the CPU", nil),
	because("endpoint-without-gpu", "the server runs on this machine, which has no GPU", nil),
}

// conditions are what a cool-down waits for.
var conditions = []entry{
	condition("gpus-unreadable", "the GPUs cannot be read[: {error}]", Args{}),
	condition("gpu-warm", "GPU {gpu} is at {now} °C (target {wanted} °C)", Args{"gpu": Count(0), "now": Number(58), "wanted": Number(50)}),
	condition("gpu-memory-held", "GPU {gpu} holds {now} (target {wanted})",
		Args{"gpu": Count(0), "now": Bytes(3 << 30), "wanted": Bytes(1 << 30)}),
	condition("gpu-warm-for-round", "GPU {gpu} is at {now} °C (target {wanted} °C, as at the round's first launch)",
		Args{"gpu": Count(0), "now": Number(58), "wanted": Number(50)}),
	condition("gpu-clocked-for-round", "GPU {gpu} runs at {now} MHz (target {wanted} MHz, as at the round's first launch)",
		Args{"gpu": Count(0), "now": Number(1980), "wanted": Number(1200)}),
	condition("gpu-memory-for-round", "GPU {gpu} holds {now} (target {wanted}, as at the round's first launch)",
		Args{"gpu": Count(0), "now": Bytes(3 << 30), "wanted": Bytes(1 << 30)}),
	condition("gpu-busy-for-round", "GPU {gpu} is busy {now} of the time (target {wanted}, as at the round's first launch)",
		Args{"gpu": Count(0), "now": Fraction(0.31), "wanted": Fraction(0.05)}),
}

// launch are the entries about the launch and the stop of a server.
var launch = []entry{
	{
		Code: "cooldown-not-reached", Severity: Caveat,
		Says: "The cool-down ended at its limit, after {waited}: {missing}.",
		Do:   "Raise cooldown.at_most.",
		Means: "The GPUs had not reached their targets when sweep launched the next server. They were too warm, or " +
			"in a different state than at the round's first launch.",
		Example: Args{"waited": Span(5 * time.Minute), "missing": Text("GPU 0 is at 58 °C (target 50 °C)")},
	},
	{
		Code: "gpu-memory-kept", Severity: Caveat,
		Says: "GPU memory was not released: {memory} more than before the launch is still in use on {gpus}.[ It is " +
			"held by {holders}.]",
		Do: "End what holds the memory.",
		Means: "After the server stopped, memory in use did not return to its level before the launch. sweep " +
			"postpones the next launch, so that nothing is measured next to it.",
		Example: Args{"gpus": List("GPU 0", "GPU 1"), "memory": Bytes(12 << 30),
			"holders": List("process 4711 (python3) with 11.8 GiB")},
	},
	{
		Code: "gpu-memory-unread", Severity: Caveat,
		Says:    "The GPUs cannot be read, so sweep could not verify that their memory was released.",
		Means:   "sweep compares GPU memory before the launch and after the stop. The second reading is missing.",
		Example: Args{},
	},
	{
		Code: "stop-problem", Severity: Caveat,
		Says:    "The server did not stop cleanly: {problem}.",
		Means:   "The server is gone, but its stop did not go as it should.",
		Example: Args{"problem": Text("killed after the stop timeout of 30 s")},
	},
	{
		Code: "release-not-proved", Severity: Caveat,
		Says:    "The server did not release its resources: {problem}.",
		Means:   "After the server stopped, a process or container was left, or the port was still taken.",
		Example: Args{"problem": Text("port 8000 is still in use")},
	},
	{
		Code: "launch-put-off", Severity: Note,
		Says: "sweep postponed the launch to the end of the plan.",
		Means: "The GPUs did not return to their state before the last launch. sweep tries once more after all " +
			"other launches.",
		Example: Args{},
	},
	{
		Code: "configuration-unread", Severity: Note,
		Says: "sweep could not read the configuration from the server: {error}. It uses the log and the metrics " +
			"instead.",
		Means:   "sweep then knows only the settings that the log and the metrics show.",
		Example: Args{"error": Text("500 Internal Server Error")},
	},
	{
		Code: "launch-in-flight", Severity: Caveat,
		Says:    "The launch has no outcome: it was in flight when the record was written, or its runner was killed.",
		Means:   "A resumed run launches it again under a new number.",
		Example: Args{},
	},
	{
		Code: "not-released", Severity: Caveat,
		Says:    "sweep could not verify that the server released its resources after it stopped.",
		Means:   "Its processes, port or container may still have existed when the next server was launched.",
		Example: Args{},
	},
}
