package runner

import (
	"errors"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// ErrAborted is wrapped when abort_when ended the run; it can be resumed.
var ErrAborted = errors.New("the run was aborted")

// The warning of a bad beginning: so many of the first trials did not count.
const (
	firstTrials = 5
	lostOfFirst = 3
)

// losses are the trials that brought no result, discarded or failed, among
// those that were tried. Skipped trials were not tried. A repeated trial counts
// each time.
type losses struct {
	rules  experiment.AbortWhen
	tried  int // since the run began
	since  int // since the run began, or was last aborted
	counts map[string]int
	lost   []loss // since then
	warned bool
	// remedies are what the diagnoses of launches recommend, by start ID.
	remedies map[string]notice.Notice
}

// loss is one trial that brought no result.
type loss struct {
	outcome string
	why     notice.Notice
	remedy  notice.Notice // zero: the reason's own
}

func newLosses(rules experiment.AbortWhen) losses {
	return losses{rules: rules, counts: map[string]int{}, remedies: map[string]notice.Notice{}}
}

// aborted begins a new count for abort_when: a resumed run would be aborted
// again by what aborted it, however well it went on.
func (l *losses) aborted() { l.since, l.lost, l.counts = 0, nil, map[string]int{} }

// diagnosed takes what was found out about a start.
func (l *losses) diagnosed(s rundir.Start) {
	if s.Diagnosis != nil && s.Diagnosis.Remedy.Code != "" {
		l.remedies[s.ID] = s.Diagnosis.Remedy
	}
}

// took takes a trial's record.
func (l *losses) took(t rundir.Trial) {
	if t.Outcome == rundir.OutcomeSkipped {
		return
	}
	l.tried++
	l.since++
	if t.Outcome == rundir.OutcomeOK {
		return
	}
	why := notice.New("no-reason", nil)
	if len(t.Reasons) > 0 {
		why = t.Reasons[0]
	}
	l.lost = append(l.lost, loss{t.Outcome, why, l.remedies[t.Start]})
	l.counts[t.Outcome]++
}

// warning is said once in a run, when most of its first trials are lost.
func (l *losses) warning() (notice.Notice, bool) {
	if l.warned || l.tried > firstTrials || len(l.lost) < lostOfFirst {
		return notice.Notice{}, false
	}
	l.warned = true
	args := commonest(l.lost)
	args["lost"], args["tried"] = notice.Count(len(l.lost)), notice.Count(l.tried)
	return notice.New("run-starts-badly", args), true
}

// abort is why abort_when ends the run now; false: it does not.
func (l *losses) abort() (notice.Notice, bool) {
	for _, rule := range []struct {
		outcome, name string
		share         float64
	}{
		{rundir.OutcomeInvalid, "discarded", l.rules.Discarded},
		{rundir.OutcomeFailed, "failed", l.rules.Failed},
	} {
		n := l.counts[rule.outcome]
		if rule.share == 0 || l.since < l.rules.After || float64(n) < rule.share*float64(l.since) {
			continue
		}
		var these []loss
		for _, x := range l.lost {
			if x.outcome == rule.outcome {
				these = append(these, x)
			}
		}
		args := commonest(these)
		args["rule"], args["limit"] = notice.Text(rule.name), notice.Fraction(rule.share)
		args["lost"], args["tried"] = notice.Count(n), notice.Count(l.since)
		return notice.New("run-aborted", args), true
	}
	return notice.Notice{}, false
}

// commonest are the arguments of a notice about what most losses have in
// common: how many share it, the cause, and what to do about it.
func commonest(lost []loss) notice.Args {
	type kind struct {
		code  notice.Code
		class string // of a diagnosis
	}
	counts, first := map[kind]int{}, map[kind]loss{}
	var most kind
	for _, x := range lost {
		k := kind{x.why.Code, x.why.Args["class"].String()}
		if counts[k] == 0 {
			first[k] = x
		}
		if counts[k]++; counts[k] > counts[most] {
			most = k
		}
	}
	x := first[most]
	args := notice.Args{"n": notice.Count(counts[most]), "cause": notice.Said(x.why)}
	switch {
	case x.remedy.Code != "":
		args["remedy"] = notice.Said(x.remedy)
	case x.why.Remedy() != "":
		args["remedy"] = notice.Advice(x.why)
	}
	return args
}
