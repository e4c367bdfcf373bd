package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// night is the run in time: every start in order.
type night struct {
	Began, Ended, Took string
	Summary            string
	Rows               []nightRow
}

type nightRow struct {
	ID, Label string
	Block     string
	Began     string
	Stamp     string // machine-readable
	Ready     string
	Load      string // first trial's begin to last trial's end
	Stop      string
	Cooldown  string
	Outcome   string
	Bad       bool
	Trials    []trialMark
	Bars      []bar
}

// trialMark is one trial on a start.
type trialMark struct{ ID, Outcome, Title string }

// bar is a part of a start's time in percent of the longest start.
type bar struct {
	Kind, Title string
	Width       string
}

func (b *build) night() night {
	var n night
	starts := slices.SortedStableFunc(slices.Values(b.Starts), func(x, y rundir.Start) int { return x.Began.Compare(y.Began) })
	if len(starts) == 0 {
		return n
	}
	began, ended := starts[0].Began, starts[0].Began
	trials := map[string][]rundir.Trial{}
	for _, t := range b.Trials {
		trials[t.Start] = append(trials[t.Start], t)
		ended = later(ended, t.Ended)
	}
	longest, failed := time.Duration(1), 0
	for _, s := range starts {
		if s.Stopped != nil {
			ended = later(ended, *s.Stopped)
		}
		if s.Outcome == rundir.StartFailed {
			failed++
		}
		longest = max(longest, total(parts(s, trials[s.ID])))
	}
	n.Began, n.Ended, n.Took = stamp(began), stamp(ended), span(ended.Sub(began))
	n.Summary = fmt.Sprintf("%s in %s, %d failed; %s recorded", say.Count(len(starts), "server launch"), n.Took, failed, say.Count(len(b.Trials), "trial"))
	for _, s := range starts {
		n.Rows = append(n.Rows, b.nightRow(s, trials[s.ID], longest))
	}
	return n
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// part is a stretch of a start's time.
type part struct {
	kind string
	took time.Duration
}

// parts splits a start into startup, load, stop and cool-down. The startup
// of a failed start lasts until it was stopped.
func parts(s rundir.Start, trials []rundir.Trial) []part {
	startup := s.Ready
	if s.Outcome == rundir.StartFailed && s.Stopped != nil {
		startup = s.Stopped.Sub(s.Began) - s.StopTook
	}
	var first, last time.Time
	for _, t := range trials {
		if t.Outcome == rundir.OutcomeSkipped || t.Outcome == rundir.OutcomeFailed && s.Outcome == rundir.StartFailed {
			continue // never loaded
		}
		if first.IsZero() || t.Began.Before(first) {
			first = t.Began
		}
		last = later(last, t.Ended)
	}
	return []part{{"startup", startup}, {"load", last.Sub(first)}, {"stop", s.StopTook}, {"cool-down", s.Cooldown}}
}

func total(ps []part) time.Duration {
	var sum time.Duration
	for _, p := range ps {
		sum += max(p.took, 0)
	}
	return sum
}

func (b *build) nightRow(s rundir.Start, trials []rundir.Trial, longest time.Duration) nightRow {
	ps := parts(s, trials)
	r := nightRow{
		ID: s.ID, Label: s.Label, Block: matrix.RoundText(b.Plan.Round(s.Block)),
		Began: s.Began.Format("15:04:05"), Stamp: s.Began.Format(time.RFC3339),
		Ready: span(ps[0].took), Load: span(ps[1].took), Stop: span(ps[2].took), Cooldown: span(ps[3].took),
		Outcome: s.Outcome, Bad: s.Outcome == rundir.StartFailed,
	}
	if s.Block == 0 {
		r.Block = "rate search"
	}
	if s.Diagnosis != nil {
		r.Bad = true
		r.Outcome += ": " + string(s.Diagnosis.Class)
	}
	for _, p := range ps {
		if p.took > 0 {
			width := 100 * p.took.Seconds() / longest.Seconds()
			r.Bars = append(r.Bars, bar{p.kind, p.kind + " " + span(p.took), fmt.Sprintf("%.2f%%", width)})
		}
	}
	for _, t := range trials {
		m := trialMark{ID: t.ID, Outcome: t.Outcome}
		if l, ok := b.Plan.LoadPoint(t.LoadPoint); ok {
			m.Title = l.Label
		}
		for _, reason := range t.Reasons {
			m.Title += "; " + reason.Text()
		}
		r.Trials = append(r.Trials, m)
	}
	return r
}
