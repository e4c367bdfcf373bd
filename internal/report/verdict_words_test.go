package report

import (
	"testing"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// What values of the analysis read like.
func TestEvidence(t *testing.T) {
	plan := &matrix.Plan{LoadPoints: []matrix.LoadPoint{{ID: "p", Label: "chat c=4"}}}
	ratio := &analysis.Ratio{Center: 1.25, Lo: 1.2, Hi: 1.3}
	change := analysis.Interaction{
		Parameters: [2]string{"max-num-seqs", "block-size"}, Levels: [2]string{"8", "32"}, LoadPoint: "p", Metric: "ttft_p50", Alone: 1.03, Together: .9, Flips: true,
	}
	split := analysis.VarianceSplit{Load: "chat", Metric: "output_throughput", Start: .03, Within: .01}
	timed := split
	timed.PerStart, timed.LaunchTime, timed.TrialTime = 1, 180, 60
	alike := timed
	alike.PerStart, alike.Start = 0, 0
	more := timed
	more.PerStart = 5
	joined := analysis.Combination{Label: "a, b", PointLabel: "chat c=4", Objective: "output_throughput", Predicted: ratio, Measured: ratio, Verdict: analysis.CombinationAdds}
	verdict := func(v string) analysis.Combination { c := joined; c.Verdict = v; return c }
	open := joined
	open.Measured, open.Verdict = nil, analysis.CombinationNotMeasured
	limit := analysis.Sensitivity{Metric: "ttft_p90", Op: experiment.AtMost, Tightest: .31}
	bounded := limit
	bounded.Loosest, bounded.Looser = new(.9), "max-num-seqs=2 at chat c=8"
	const (
		launches = "output throughput on load chat: launches differ by 3%, repeats on one launch by 1%"
		times    = ". A launch takes 180 s and a trial 60 s, so the narrowest intervals for the time come from "
		both     = "a, b at chat c=4, output throughput: "
		numbers  = "the single changes predict +25% [+20%, +30%], measured +25% [+20%, +30%]: "
	)
	for _, c := range []struct{ got, want string }{
		{sensitivityText(limit), "still the winner for any TTFT p90 limit ≥ 310 ms"},
		{sensitivityText(bounded), "still the winner for any TTFT p90 limit from 310 ms to 900 ms. " +
			"Beyond that, it is max-num-seqs=2 at chat c=8"},
		{sensitivityText(analysis.Sensitivity{Metric: "output_throughput", Op: experiment.AtLeast, Tightest: 900}),
			"still the winner for any output throughput limit ≤ 900 tok/s"},
		{rivalText(analysis.Rival{Label: "b", PointLabel: "chat c=4", Ratio: .8, Probability: 1e-9}),
			"b at chat c=4: -20% (P(better) under 0.1%)"},
		{rivalText(analysis.Rival{Label: "b", PointLabel: "chat c=4", Ratio: 1.02}), "b at chat c=4: +2%"},
		{interactionText(change, plan), "TTFT p50 at chat c=4: max-num-seqs=8 brings +3% alone and -10% with block-size=32, " +
			"so its effect changes sign"},
		{splitText(split), launches},
		{splitText(alike), "output throughput on load chat: launches differ by 0%, repeats on one launch by 1%. " +
			"Launches do not visibly differ, so repeats on one launch serve as well as new launches."},
		{splitText(more), launches + times + "5 trials per launch."},
		{splitText(timed), launches + times + "1 trial per launch: add rounds, not repeats."},
		{combinationText(joined), both + numbers + "they add up"},
		{combinationText(verdict(analysis.CombinationDiffers)), both + numbers + "the changes interact"},
		{combinationText(verdict(analysis.CombinationUndecided)), both + numbers + "whether they interact is undecided"},
		{combinationText(open), both + "not measured (yet)"},
		{failedWhen(analysis.Failure{Class: rundir.FailedRefused, Trials: []string{"t"}}), "refused every request"},
		{failedWhen(analysis.Failure{AfterReady: true}), "died under load"},
		{failedWhen(analysis.Failure{}), "did not start"},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
}

func TestStanding(t *testing.T) {
	some := []analysis.Tie{{}}
	for want, r := range map[string]analysis.Recommendation{
		"no recommendation":                            {Confirmation: analysis.StandingOff},
		"not confirmed yet":                            {Cell: "x"},
		"better, confirmed":                            {Cell: "x", Confirmed: true, Ratio: &analysis.Ratio{Verdict: analysis.Better}},
		"nothing beats the baseline: no change needed": {Cell: "x", Confirmation: analysis.StandingBaseline},
		"baseline kept: nothing to confirm":            {Cell: "x", Confirmation: analysis.StandingNotNeeded, Ties: some},
		"tied with the baseline, which misses a limit": {Cell: "x", Confirmation: analysis.StandingSame},
		"measured again, still undecided":              {Cell: "x", Confirmation: analysis.StandingUndecided},
	} {
		if got := Standing(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
