package notice

// general are the entries that belong to no part of the program.
var general = []entry{
	{
		Code: "recorded-text", Severity: Caveat, Apart: "text",
		Says:    "{text}",
		Means:   "A sentence without a code of its own, from a record of format 1 or from another tool.",
		Example: Args{"text": Text("GuideLLM: 2 of 10 workers started late")},
	},
	{
		Code: "messages-left-out", Severity: Note,
		Says: "{n|message is|messages are} left out here, because this output was not read for a while.",
		Means: "sweep does not wait for a reader. It keeps the last 1,000 messages. The journal and the records " +
			"of the run are complete.",
		Example: Args{"n": Count(312)},
	},
	{
		Code: "answer-not-printed", Severity: Note,
		Says:    "The recommendation could not be printed[: {error}].",
		Do:      "Print it with {command}.",
		Means:   "Nobody read the standard output at the end of a run, or it could not be written. The run and its report are complete.",
		Example: Args{"error": Text("no space left on device"), "command": Command("sweep", "analyze", "runs/acme/20261123-221004")},
	},
}
