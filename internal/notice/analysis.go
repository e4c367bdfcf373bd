package notice

// analysis are the entries about what a run's numbers say.
var analysis = []entry{
	{
		Code: "baseline-noisy", Severity: Caveat,
		Says:    "This run cannot answer {use_case}: {metric} of the unchanged baseline varies by {spread} over {rounds|round|rounds}.",
		Do:      "End other work on the machine, use longer trials (requests or duration) or more rounds (trials.repeat), and run again.",
		Means:   "The recommendation is undecided, and the coefficient of variation of the baseline between rounds is above 20%.",
		Example: Args{"use_case": Text("throughput"), "metric": Text("output throughput"), "spread": Fraction(0.34), "rounds": Count(3)},
	},
}
