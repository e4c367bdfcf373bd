package notice

// differs is the entry of what makes clients differ.
func differs(code Code, says string) entry {
	return entry{Code: code, Severity: Note, Says: says,
		Means: "sweep bench --with compares clients under the same load, and says for each metric why they may differ."}
}

// agreement are the entries of a comparison of clients.
var agreement = []entry{
	differs("agree-window", "Tools count from the first send to the last answer, including its ramp-up and ramp-down. "+
		"sweep's own run counts a steady window."),
	differs("agree-output", "Tools count from the first send to the last answer, including its ramp-up and ramp-down. "+
		"The lengths of their prompts change the server's speed too."),
	differs("agree-tpot", "It is (last - first token) / (tokens - 1) in all. "+
		"GuideLLM and AIPerf call it inter-token latency, and count only chunks with text as tokens."),
	differs("agree-ttft", "The aligned figure starts at the actual send, as those of the tools do. "+
		"Their clock starts before a connection is taken and stops when their event loop reads. "+
		"Streams of equal lengths that a tool starts at once stay in step, so prefills meet."),
	differs("agree-e2e", "The aligned figure starts at the actual send. "+
		"A tool that reads late adds its delay to the first and to the last token."),
	differs("agree-itl", "It is the gap between chunks. GuideLLM keeps none, and chunks that arrive in one read "+
		"have a gap of 0."),
	{
		Code: "client-differs", Severity: Caveat,
		Says:    "{metric} of {tool} is off by {off}",
		Means:   "Two correct clients agree on this metric within 2%.",
		Example: Args{"metric": Text("TPOT mean"), "tool": Text("vllm"), "off": Ratio(1.03)},
	},
}
