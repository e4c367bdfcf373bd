package experiment

// AbortWhen ends a run of which too many trials do not count. Each share is of
// the trials tried so far, 0..1; 0: the run goes on whatever they are.
type AbortWhen struct {
	Discarded float64
	Failed    float64
	After     int // trials tried before the shares are judged; DefaultAbortAfter
}

// DefaultAbortAfter keeps one bad trial of one from ending a run.
const DefaultAbortAfter = 5

func abortSection() section[AbortWhen] {
	return section[AbortWhen]{
		initial: AbortWhen{After: DefaultAbortAfter},
		fields: []field[AbortWhen]{
			bind("discarded", "End the run when this fraction of the trials tried so far was discarded, such as 50%.",
				shareAboveZero(), func(a *AbortWhen) *float64 { return &a.Discarded }),
			bind("failed", "End the run when this fraction of the trials tried so far failed, such as 50%.",
				shareAboveZero(), func(a *AbortWhen) *float64 { return &a.Failed }),
			bind("after_trials", "Judge the shares only after this many trials. Default: 5.",
				whole(1, 10_000), func(a *AbortWhen) *int { return &a.After }),
		},
		check: func(d *decoder, path string, e entry, _ *AbortWhen) {
			_, discarded := e.value.get("discarded")
			_, failed := e.value.get("failed")
			if !discarded && !failed {
				d.fail("abort-without-share", e.keyPlace(), args{"path": path})
			}
		},
	}
}

// shareAboveZero is a fraction that is not zero, written as 50% or 0.5.
func shareAboveZero() value[float64] {
	schema := number("number", 0, true)
	most := 1.0
	schema.Maximum = &most
	any := share()
	return value[float64]{
		schema: anyOf(schema, pattern(`^[0-9]+(\.[0-9]+)? ?%$`)),
		read: func(d *decoder, path string, e entry) (float64, bool) {
			f, ok := any.read(d, path, e)
			if ok && f == 0 {
				d.expect("out-of-range", path, e, "a fraction above 0, such as 50% or 0.5")
			}
			return f, ok && f > 0
		},
	}
}
