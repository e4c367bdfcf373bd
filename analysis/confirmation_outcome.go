package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// Standings of a recommendation: whether it was measured again on restarted
// servers, and what came of it.
const (
	StandingNone      = ""               // there is no recommendation
	StandingOff       = "off"            // the experiment switched confirmation off
	StandingImported  = "imported"       // another tool's results: nothing can be measured again
	StandingPending   = "pending"        // the confirm stage has not ended
	StandingNotNeeded = "not-needed"     // the baseline is kept and nothing came near it
	StandingAlone     = "alone"          // there is nothing to confirm it against
	StandingLost      = "lost"           // the stage ended and too few of its starts count
	StandingBetter    = "better"         // measured again: better than the baseline
	StandingSame      = "equivalent"     // measured again: equivalent to it
	StandingUndecided = "undecided"      // measured again: not separated from it
	StandingWorse     = "worse"          // measured again: worse than it, which misses a limit
	StandingBaseline  = "baseline"       // measured again: the baseline stays
	StandingMeasured  = "measured-again" // without a baseline to compare with
	StandingUnlike    = "not-comparable" // measured again: the lengths of answers or prompts differ
)

// ConfirmedBetter reports whether the confirmation runs bore a recommendation
// out: it is better than the baseline on restarted servers.
func (r Recommendation) ConfirmedBetter() bool {
	return r.Standing() == StandingBetter
}

// Standing is Confirmation, or, where that is not filled in, what the rest of the
// recommendation says.
func (r Recommendation) Standing() string {
	switch {
	case r.Cell == "":
		return StandingNone
	case r.Confirmation != "":
		return r.Confirmation
	case r.Confirmed:
		return outcome(r, false)
	}
	return StandingPending
}

// outcome is the standing of a recommendation whose cell, perhaps the
// baseline's, was measured again.
func outcome(r Recommendation, baseline bool) string {
	switch {
	case baseline && r.Leader != nil:
		return StandingUndecided
	case baseline:
		return StandingBaseline
	case r.Ratio == nil:
		return StandingMeasured
	}
	switch r.Ratio.Verdict {
	case Better:
		return StandingBetter
	case Equivalent:
		return StandingSame
	case Worse:
		return StandingWorse
	case NotComparable:
		return StandingUnlike
	}
	return StandingUndecided
}

// before is the standing of what the blocks recommend, and its caveats.
func (a *analyser) before(rivals int) (standing string, caveats []notice.Notice) {
	switch {
	case a.in.Plan.ConfirmStage != nil:
		standing, caveats = StandingPending, []notice.Notice{notice.New("confirmation-pending", nil)}
	case len(a.in.Plan.Configurations) < 2:
		standing, caveats = StandingAlone, []notice.Notice{notice.New("confirmation-alone", nil)}
	case a.in.Plan.Backend == matrix.BackendImported:
		standing, caveats = StandingImported, []notice.Notice{notice.New("confirmation-imported", nil)}
	default:
		standing, caveats = StandingOff, []notice.Notice{notice.New("confirmation-off", nil)}
	}
	if rivals > 1 {
		caveats = append(caveats, notice.New("best-of-many", notice.Args{"n": notice.Count(rivals)}))
	}
	return standing, caveats
}

// unmeasured is for a recommendation that the finished plan of the confirm stage
// has no starts for.
func (a *analyser) unmeasured(rec *Recommendation) {
	if rec.Cell == "" {
		return
	}
	rec.Confirmation = StandingAlone
	why := notice.New("confirmation-alone", nil)
	if rec.Configuration == a.findings.Baseline {
		rec.Confirmation, why = StandingNotNeeded, notice.New("confirmation-not-needed", nil)
	}
	rest := slices.DeleteFunc(rec.Doubts, func(n notice.Notice) bool {
		return n.Code == "confirmation-pending" || n.Code == "best-of-many"
	})
	rec.Doubts = append([]notice.Notice{why}, rest...)
}
