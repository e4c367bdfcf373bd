package notice

import ()

// general are the entries that belong to no part of the program.
var general = []entry{
	{
		Code: "recorded-text", Severity: Caveat, Apart: "text",
		Says:    "{text}",
		Means:   "A sentence without a code of its own, from a record of format 1 or from another tool.",
		Example: Args{"text": Text("GuideLLM: 2 of 10 workers started late")},
	},
}
