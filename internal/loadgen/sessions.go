package loadgen

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Sessions make conversations of a load: Arrivals say when sessions begin
// (open loop), or how many users there are, each beginning its next session
// when its last has ended (concurrency). A session is a number of turns; the
// prompt of each turn holds the conversation so far: the prompts and the
// answers before it, and new text. The first turn asks for Config.Prompt
// tokens, like a load without sessions.
//
// A later turn is scheduled from the end of the answer before it and a drawn
// think time. Its latency counts from then, in closed loop too. A session whose
// request fails ends.
type Sessions struct {
	Turns Lengths // turns of a session
	Think Pause   // between the end of an answer and the next turn
	// FollowUp is the new text of each turn after the first, in tokens; of no
	// kind: as Config.Prompt.
	FollowUp Lengths
}

// PauseKind names a distribution of pauses.
type PauseKind string

// The distributions of pauses.
const (
	FixedPause       PauseKind = "fixed"
	ExponentialPause PauseKind = "exponential"
	UniformPause     PauseKind = "uniform"
	LognormalPause   PauseKind = "lognormal" // Mean and Stdev of the lognormal itself
)

// Pause is a distribution of times. Draws are clamped to Min..Max where given.
type Pause struct {
	Kind        PauseKind // "": FixedPause
	Mean, Stdev time.Duration
	Min, Max    time.Duration
}

// maxTurns bounds the turns of a session, so that each has streams of its own.
const maxTurns = 1 << 12

func (p Pause) draw(r *rand.Rand) time.Duration {
	var d float64
	switch mean := float64(p.Mean); p.Kind {
	case ExponentialPause:
		d = mean * r.ExpFloat64()
	case UniformPause:
		d = float64(p.Min) + r.Float64()*float64(p.Max-p.Min)
	case LognormalPause:
		ratio := float64(p.Stdev) / mean
		variance := math.Log1p(ratio * ratio)
		d = math.Exp(math.Log(mean) - variance/2 + math.Sqrt(variance)*r.NormFloat64())
	default:
		d = mean
	}
	if p.Max > 0 {
		d = min(d, float64(p.Max))
	}
	return time.Duration(max(min(d, longest*1e9), float64(p.Min), 0))
}

func (p Pause) validate() error {
	if p.Min < 0 || p.Max < 0 || (p.Max > 0 && p.Min > p.Max) {
		return fmt.Errorf("bounds %s to %s", p.Min, p.Max)
	}
	switch p.Kind {
	case "", FixedPause:
		if p.Mean < 0 {
			return fmt.Errorf("%s: want 0 or more", p.Mean)
		}
	case ExponentialPause, LognormalPause:
		if p.Mean <= 0 || p.Stdev < 0 || (p.Kind == LognormalPause && p.Stdev == 0) {
			return fmt.Errorf("%s with mean %s and standard deviation %s: want more than 0", p.Kind, p.Mean, p.Stdev)
		}
	case UniformPause:
		if p.Max <= 0 {
			return fmt.Errorf("uniform from %s to %s", p.Min, p.Max)
		}
	default:
		return fmt.Errorf("distribution %q: want %s, %s, %s or %s", p.Kind, FixedPause, ExponentialPause, UniformPause, LognormalPause)
	}
	return nil
}

func (c *Config) validateSessions() error {
	s := c.Sessions
	var errs []error
	if c.API != Chat {
		errs = append(errs, errors.New("sessions are conversations: they need the chat API"))
	}
	if len(c.Dataset) > 0 {
		errs = append(errs, errors.New("sessions and a dataset: a dataset has single prompts"))
	}
	switch k := c.Arrivals.Kind; {
	case k == Trace, k == Throughput:
		errs = append(errs, fmt.Errorf("sessions and arrivals %s: sessions arrive by a rate or are held by a concurrency", k))
	case c.Requests > 0 || c.Duration == 0:
		errs = append(errs, errors.New("sessions end by a duration: how many requests there are depends on the answers"))
	}
	if err := s.Turns.validate(); err != nil {
		errs = append(errs, fmt.Errorf("turns of a session: %w", err))
	} else if max(s.Turns.Mean, float64(s.Turns.Max)) >= maxTurns {
		errs = append(errs, fmt.Errorf("turns of a session: want fewer than %d", maxTurns))
	}
	if err := s.Think.validate(); err != nil {
		errs = append(errs, fmt.Errorf("think time: %w", err))
	}
	if s.FollowUp.Kind != "" {
		if err := s.FollowUp.validate(); err != nil {
			errs = append(errs, fmt.Errorf("follow-up tokens: %w", err))
		}
	}
	return errors.Join(errs...)
}

// session is one conversation under way.
type session struct {
	phase   Phase // of its arrival: it names its random streams
	index   int
	turns   int
	turn    int // under way, from 0
	think   *rand.Rand
	history []byte        // messages so far, each with a comma behind it
	user    []byte        // message of the turn under way; nil in the first
	first   int           // tokens of the first prompt
	ended   time.Duration // the answer before
}

// open begins a session with the job of its first turn.
func (b *bodies) open(j *job) *session {
	r := stream(b.cfg.Seed, streamTurns, j.phase, j.index)
	return &session{
		phase: j.phase, index: j.index,
		turns: min(b.cfg.Sessions.Turns.draw(r), maxTurns-1),
		think: stream(b.cfg.Seed, streamThink, j.phase, j.index),
		first: j.prompt,
	}
}

// next is the job of the next turn after an answer.
func (b *bodies) next(s *session, answer string, rec *Request) *job {
	if s.user == nil { // not before, so that no first send waits for it
		s.user = b.userMessage(nil, &job{phase: s.phase, index: s.index, prompt: s.first})
	}
	s.history = append(append(s.history, s.user...), ',')
	s.history = append(s.history, `{"role":"assistant","content":`...)
	s.history = append(append(s.history, quoteJSON(answer)...), "},"...)
	s.turn++
	r := stream(b.cfg.Seed, streamTurnLengths, s.phase, s.index*maxTurns+s.turn)
	follow := b.cfg.Sessions.FollowUp
	if follow.Kind == "" {
		follow = b.cfg.Prompt
	}
	fresh, output := follow.draw(r), b.cfg.Output.draw(r)
	s.user = b.ownMessage(fresh, stream(b.content, streamTurnContent, s.phase, s.index*maxTurns+s.turn))
	j := &job{index: s.index, prompt: rec.promptTokens() + rec.OutputTokens + fresh, output: output}
	out := make([]byte, 0, len(b.head)+len(s.history)+len(s.user)+128)
	out = append(append(out, b.head...), `"messages":[`...)
	out = append(append(append(out, s.history...), s.user...), ']')
	j.body = b.finish(out, j)
	return j
}

// more says whether a turn follows the one under way.
func (s *session) more() bool { return s.turn+1 < s.turns }
