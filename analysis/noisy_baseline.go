package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// CodeBaselineNoisy is the notice of a recommendation that could not be decided
// because the baseline itself differs too much between rounds.
const CodeBaselineNoisy notice.Code = "baseline-noisy"

// noisyBaseline is the coefficient of variation between rounds from which a
// recommendation that is open blames the noise. Server launches on a quiet
// machine differ by 1 to 3%, on two busy cores by 15%.
const noisyBaseline = 0.2

// baselineNotices blames the noise of the baseline for a recommendation that is
// open: undecided, or the baseline with configurations that are in front or tied with it.
func (a *analyser) baselineNotices(rec Recommendation) []notice.Notice {
	i, kept := a.index[rec.Cell], rec.BaselineCell == ""
	if !kept {
		i = a.index[rec.BaselineCell]
	}
	open := kept && (len(rec.Ties) > 0 || rec.Leader != nil) || rec.Ratio != nil && rec.Ratio.Verdict == Undecided
	s := a.series[seriesKey{i, rec.Objective}]
	if !open || !a.findings.Cells[i].Baseline || s == nil || s.arithmetic || len(s.logs) < 2 {
		return nil
	}
	spread := math.Sqrt(math.Expm1(stat.Variance(s.logs, nil))) // of a lognormal value
	if !(spread > noisyBaseline) || !finite(spread) {
		return nil
	}
	return []notice.Notice{notice.New(CodeBaselineNoisy, notice.Args{
		"use_case": notice.Text(rec.UseCase), "metric": notice.Text(metric.Short(rec.Objective)),
		"spread": notice.Fraction(spread), "rounds": notice.Count(len(s.logs)),
	}).On(notice.Result, a.findings.Cells[i].ID)}
}

// TooNoisy is the notice that the run cannot answer a use case because of its
// noise, or false.
func (r Recommendation) TooNoisy() (notice.Notice, bool) {
	i := slices.IndexFunc(r.Notices, func(n notice.Notice) bool { return n.Code == CodeBaselineNoisy })
	if i < 0 {
		return notice.Notice{}, false
	}
	return r.Notices[i], true
}
