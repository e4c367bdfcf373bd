package notice

// general are the entries that belong to no part of the program.
var general = []entry{
	{
		Code: "recorded-text", Severity: Caveat,
		Says:    "{text}",
		Means:   "A sentence from a record of format 1, or from another tool, which has no code of its own.",
		Example: Args{"text": Text("GuideLLM: 2 of 10 workers started late")},
	},
}
