package experiment

import (
	"math"
	"time"
)

// Sessions make conversations of a load: arrivals are then of sessions.
type Sessions struct {
	Turns Lengths // turns of a session
	Think Pause   // between the end of an answer and the next turn
	// FollowUp is the new text of each turn after the first, in tokens; no kind:
	// as the load's prompt_tokens.
	FollowUp Lengths
}

// PauseKind names a distribution of pauses.
type PauseKind string

// The distributions of pauses.
const (
	FixedPause       PauseKind = "fixed"
	ExponentialPause PauseKind = "exponential"
	UniformPause     PauseKind = "uniform"
	LognormalPause   PauseKind = "lognormal"
)

// Pause is a distribution of times; Min and Max clamp, 0: no bound.
type Pause struct {
	Kind        PauseKind
	Mean, Stdev time.Duration
	Min, Max    time.Duration
}

func sessionsSection() section[Sessions] {
	return section[Sessions]{fields: []field[Sessions]{
		must(bind("turns", "Turns per session, in the same forms as lengths.", lengths(), func(s *Sessions) *Lengths { return &s.Turns })),
		must(bind("think_time", "Pause between an answer and the next turn: a duration or a distribution.", pause(), func(s *Sessions) *Pause { return &s.Think })),
		bind("follow_up_tokens", "New tokens per turn after the first. Default: prompt_tokens.", lengths(), func(s *Sessions) *Lengths { return &s.FollowUp }),
	}}
}

// pause is a duration or a distribution of durations.
func pause() value[Pause] {
	fixed := duration(0)
	mean := func(p *Pause) *time.Duration { return &p.Mean }
	low := bind("min", "Shortest pause; shorter draws are raised to it.", duration(0), func(p *Pause) *time.Duration { return &p.Min })
	high := bind("max", "Longest pause; longer draws are lowered to it.", duration(time.Nanosecond), func(p *Pause) *time.Duration { return &p.Max })
	drawn := func(kind PauseKind, doc string, fields ...field[Pause]) field[Pause] {
		s := section[Pause]{initial: Pause{Kind: kind}, fields: fields, check: checkPause}
		return bind(string(kind), doc, s.value(), func(p *Pause) *Pause { return p })
	}
	above := must(bind("mean", "Mean.", duration(time.Nanosecond), mean))
	mapping := section[Pause]{
		oneOf: []string{string(FixedPause), string(ExponentialPause), string(UniformPause), string(LognormalPause)},
		fields: []field[Pause]{
			{name: string(FixedPause), doc: "Always this long.", schema: fixed.schema, read: func(d *decoder, path string, e entry, p *Pause) {
				if v, ok := fixed.read(d, path, e); ok {
					*p = Pause{Kind: FixedPause, Mean: v}
				}
			}},
			drawn(ExponentialPause, "Exponential.", above, low, high),
			drawn(UniformPause, "Every time from min to max with equal probability.", must(low), must(high)),
			drawn(LognormalPause, "Lognormal distribution. mean and stdev are those of the times, not of their logarithms.", above,
				must(bind("stdev", "Standard deviation.", duration(time.Nanosecond), func(p *Pause) *time.Duration { return &p.Stdev })), low, high),
		},
	}
	return value[Pause]{schema: anyOf(fixed.schema, mapping.schema()), read: func(d *decoder, path string, e entry) (Pause, bool) {
		if e.value.scalar() {
			v, ok := fixed.read(d, path, e)
			return Pause{Kind: FixedPause, Mean: v}, ok
		}
		return mapping.decode(d, path, e)
	}}
}

func checkPause(d *decoder, path string, e entry, p *Pause) {
	if p.Max > 0 && p.Min > p.Max {
		low, _ := e.value.get("min")
		high, _ := e.value.get("max")
		d.fail(high.place(), "less than min", "%s.max must be at least %s.min", path, path).Related =
			[]Related{{low.place(), "min is given here"}}
	}
}

// mostTurns is what the load generator plays in one session.
const mostTurns = 4095

// checkSessions reports what does not go with conversations.
func (d *decoder) checkSessions(path string, e entry, l *Load) {
	at, _ := e.value.get("sessions")
	fail := func(label, format string, args ...any) *Diagnostic { return d.fail(at.key.at, label, format, args...) }
	if l.API != "chat" {
		fail("needs api: chat", "%s: sessions are conversations", path).Help = "api: chat"
	}
	switch k := l.Arrivals.Kind; k {
	case TraceReplay, Throughput, Sweep:
		fail("not possible with "+string(k), "%s: sessions arrive at a rate or have a fixed concurrency", path)
	}
	if l.Dataset != nil {
		fail("not possible with a dataset", "%s: a dataset has single prompts, not conversations", path)
	}
	if requests, given := e.value.get("requests"); given {
		d.fail(requests.key.at, "not used with sessions", "%s: sessions end by duration, because the number of requests depends on the answers", path)
	}
	if t := l.Sessions.Turns; math.Max(t.Mean, float64(t.Max)) > mostTurns {
		turns, _ := at.value.get("turns")
		d.fail(turns.place(), "too many", "%s.sessions.turns must be at most %d", path, mostTurns)
	}
}
