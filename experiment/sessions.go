package experiment

import (
	"fmt"
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
		d.crossed(path, low, high)
	}
}

// mostTurns is what the load generator plays in one session.
const mostTurns = 4095

// checkSessions reports what does not go with conversations.
func (d *decoder) checkSessions(path string, e entry, l *Load) {
	at, _ := e.value.get("sessions")
	if l.API != "chat" {
		d.fail("sessions-need-chat", at.key.at, args{"path": path})
	}
	switch k := l.Arrivals.Kind; k {
	case TraceReplay, Throughput, Sweep:
		d.fail("sessions-arrivals", at.key.at, args{"path": path, "kind": k})
	}
	if l.Dataset != nil {
		d.fail("sessions-with-dataset", at.key.at, args{"path": path})
	}
	if requests, given := e.value.get("requests"); given {
		d.fail("sessions-with-requests", requests.key.at, args{"path": path})
	}
	if t := l.Sessions.Turns; math.Max(t.Mean, float64(t.Max)) > mostTurns {
		turns, _ := at.value.get("turns")
		d.fail("out-of-range", turns.place(), args{"path": join(path, "sessions.turns"), "want": fmt.Sprintf("at most %d", mostTurns), "found": "too many"})
	}
}
