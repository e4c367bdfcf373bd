package report

import (
	"fmt"
	"math"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// Standing is the outcome of a recommendation in a few words, the same on the
// terminal, on the page, in the summary and in lists of runs.
func Standing(r analysis.Recommendation) string {
	switch r.Standing() {
	case analysis.StandingNone:
		return "no recommendation"
	case analysis.StandingOff:
		return "not confirmed: confirmation is off"
	case analysis.StandingImported:
		return "not confirmed: imported results"
	case analysis.StandingAlone:
		return "not confirmed: nothing to compare with"
	case analysis.StandingLost:
		return "not confirmed: too few valid restarts"
	case analysis.StandingBetter:
		return "better, confirmed"
	case analysis.StandingNotNeeded:
		return "baseline kept: nothing to confirm"
	case analysis.StandingBaseline:
		if len(r.Ties) == 0 {
			return "nothing beats the baseline: no change needed"
		}
		return "tied with the baseline: no change needed"
	case analysis.StandingSame:
		if !r.BaselineQualifies {
			return "tied with the baseline, which misses a limit"
		}
		return "tied with the baseline: no change needed"
	case analysis.StandingUndecided:
		return "measured again, still undecided"
	case analysis.StandingWorse:
		return "worse than the baseline, which misses a limit"
	case analysis.StandingUnlike:
		return "measured again, not comparable with the baseline"
	case analysis.StandingMeasured:
		return "measured again"
	}
	return "not confirmed yet"
}

// sensitivityText says for which limits the recommendation stays the same.
func sensitivityText(s analysis.Sensitivity) string {
	value := func(v float64) string { return say.Metric(s.Metric, v) }
	name := metric.Short(s.Metric)
	switch {
	case s.Loosest == nil && s.Op == experiment.AtLeast:
		return fmt.Sprintf("still the winner for any %s limit ≤ %s", name, value(s.Tightest))
	case s.Loosest == nil:
		return fmt.Sprintf("still the winner for any %s limit ≥ %s", name, value(s.Tightest))
	}
	low, high := math.Min(s.Tightest, *s.Loosest), math.Max(s.Tightest, *s.Loosest)
	return fmt.Sprintf("still the winner for any %s limit from %s to %s. Beyond that, it is %s",
		name, value(low), value(high), s.Looser)
}

// rivalText is a runner-up of a recommendation, with its change from the winner.
func rivalText(r analysis.Rival) string {
	text := fmt.Sprintf("%s at %s: %s", r.Label, r.PointLabel, say.Change(r.Ratio))
	if r.Probability > 0 {
		text += " (P(better) " + say.Probability(r.Probability) + ")"
	}
	return text
}

// interactionText says how one change depends on another.
func interactionText(x analysis.Interaction, p *matrix.Plan) string {
	point, _ := p.LoadPoint(x.LoadPoint)
	text := fmt.Sprintf("%s at %s: %s=%s brings %s alone and %s with %s=%s", metric.Short(x.Metric), point.Label,
		x.Parameters[0], x.Levels[0], say.Change(x.Alone), say.Change(x.Together), x.Parameters[1], x.Levels[1])
	if x.Flips {
		text += ", so its effect changes sign"
	}
	return text
}

// splitText says where the spread of a metric comes from, and where further
// trials are spent best.
func splitText(s analysis.VarianceSplit) string {
	text := fmt.Sprintf("%s on load %s: launches differ by %s, repeats on one launch by %s", metric.Short(s.Metric), s.Load,
		say.Percent(s.Start), say.Percent(s.Within))
	switch {
	case s.LaunchTime == 0:
		return text
	case s.PerStart == 0:
		return text + ". Launches do not visibly differ, so repeats on one launch serve as well as new launches."
	}
	text += fmt.Sprintf(". A launch takes %s and a trial %s, so the narrowest intervals for the time come from %s per launch",
		say.Seconds(s.LaunchTime), say.Seconds(s.TrialTime), say.Count(s.PerStart, "trial"))
	if s.PerStart == 1 {
		text += ": add rounds, not repeats"
	}
	return text + "."
}

// combinationText compares what single changes promise together with what their
// combination does.
func combinationText(c analysis.Combination) string {
	text := fmt.Sprintf("%s at %s, %s: ", c.Label, c.PointLabel, metric.Short(c.Objective))
	if c.Predicted == nil || c.Measured == nil {
		return text + c.Verdict
	}
	text += fmt.Sprintf("the single changes predict %s, measured %s", changeText(*c.Predicted), changeText(*c.Measured))
	switch c.Verdict {
	case analysis.CombinationAdds:
		return text + ": they add up"
	case analysis.CombinationDiffers:
		return text + ": the changes interact"
	}
	return text + ": whether they interact is undecided"
}

// changeText is a ratio as a change with its interval.
func changeText(r analysis.Ratio) string {
	text := say.Change(r.Center)
	if r.HasInterval() {
		text += " " + say.Interval(say.Change(r.Lo), say.Change(r.Hi))
	}
	return text
}

// failedWhen says what happened to a configuration, in a few words.
func failedWhen(f analysis.Failure) string {
	switch {
	case len(f.Trials) > 0 && f.Class == rundir.FailedRefused:
		return "refused every request"
	case len(f.Trials) > 0 && f.Class == rundir.FailedRequests:
		return "answered no request"
	case len(f.Trials) > 0:
		return "was not loaded"
	case f.Skipped:
		return "skipped"
	case f.AfterReady:
		return "died under load"
	}
	return "did not start"
}
