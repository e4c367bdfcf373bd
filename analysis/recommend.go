package analysis

import (
	"math"
	"slices"
	"sort"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// candidate is a cell that a use case could recommend.
type candidate struct {
	cell   int
	checks []ConstraintCheck
	why    []notice.Notice // constraints that do not hold
	worst  float64         // largest relative violation; 0: none
	value  float64         // point estimate of the objective
}

// recommend answers the use cases in file order.
func (a *analyser) recommend(drifts []drift) []Recommendation {
	out := []Recommendation{}
	for _, u := range a.in.UseCases {
		out = append(out, a.recommendOne(u, drifts))
	}
	return out
}

func (a *analyser) recommendOne(u experiment.UseCase, drifts []drift) Recommendation {
	rec := Recommendation{
		UseCase: u.Name, Objective: u.Objective, Maximize: u.Maximize, Load: u.Load,
		Constraints: []ConstraintCheck{},
	}
	for _, k := range constraintsOf(u, a.in.SLO) {
		rec.Constraints = append(rec.Constraints, ConstraintCheck{Metric: k.Metric, Op: k.Op, Limit: k.Value})
	}
	all, refused := a.candidates(u)
	rec.Doubts = a.unranked(u.Load, namesOf(u, a.in.SLO))
	if len(refused) > 0 {
		rec.Refused = refused
		return rec
	}
	var fit []candidate
	for _, c := range all {
		if len(c.why) == 0 {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		near := nearest(all)
		a.probabilities(near.cell, near.checks)
		rec.Constraints = near.checks
		rec.NearestMiss = a.miss(all, near)
		rec.Refused = a.refusal(near, rec.NearestMiss)
		return rec
	}
	best := a.bestPerConfiguration(fit, u.Maximize)
	winner, ties, preferred := a.choose(u, best)
	winner, leader := a.shown(u, winner, best)
	if leader != nil {
		ties, preferred = a.tied(u, winner, best), false
		rec.Leader = a.leader(u, *leader, best)
		ties = slices.DeleteFunc(ties, func(c candidate) bool { return c.cell == leader.cell })
	}
	a.describe(&rec, winner)
	rec.Feasible = a.probabilities(winner.cell, rec.Constraints)
	rec.Sensitivity = a.sensitivities(u, all, winner)
	rec.Overturn = a.overturn(u, winner, best)
	for _, t := range ties {
		c := a.findings.Cells[t.cell]
		rec.Ties = append(rec.Ties, Tie{Cell: c.ID, Label: c.Label, PointLabel: c.PointLabel, Estimate: c.Estimates[u.Objective]})
	}
	if preferred {
		rec.Preferred = a.preference(u, winner, best[0])
	}
	a.compareWinner(&rec, u, winner, best)
	rec.TradeOffs = a.tradeOffs(winner.cell)
	rec.Notices = a.baselineNotices(rec)
	rec.Doubts = append(a.doubts(rec, u, winner, best, drifts), rec.Doubts...)
	return rec
}

// candidates lists the measured cells of the use case's load that have an
// estimate of the objective, or says why there are none.
func (a *analyser) candidates(u experiment.UseCase) (out []candidate, refused []notice.Notice) {
	planned, measured := 0, 0
	var why notice.Notice // of the last one that is left out
	for i, c := range a.findings.Cells {
		if c.Load != u.Load || a.only != nil && !a.only[u.Name][c.ID] {
			continue
		}
		planned++
		if c.Trials == 0 {
			continue
		}
		measured++
		if c.unranked(namesOf(u, a.in.SLO)...) {
			why = notice.New("not-ranked", c.lengthArgs()).On(notice.Result, c.ID)
			continue
		}
		e, ok := c.Estimates[u.Objective]
		if !ok {
			why = noEstimate(c, u.Objective)
			continue
		}
		if u.Maximize && e.Center <= 0 {
			why = notice.New("objective-zero", notice.Args{"metric": notice.Text(metric.Short(u.Objective))})
			continue
		}
		cand := candidate{cell: i, value: e.Center}
		for _, k := range constraintsOf(u, a.in.SLO) {
			got, reason := check(c, k)
			cand.checks = append(cand.checks, got)
			if !got.Holds {
				cand.why = append(cand.why, reason)
				cand.worst = math.Max(cand.worst, violation(got))
			}
		}
		out = append(out, cand)
	}
	switch {
	case planned == 0:
		return nil, []notice.Notice{notice.New("load-not-planned", notice.Args{"load": notice.Text(u.Load)})}
	case measured == 0:
		return nil, []notice.Notice{notice.New("load-not-measured", notice.Args{"load": notice.Text(u.Load), "planned": notice.Count(planned)})}
	case len(out) == 0:
		return nil, []notice.Notice{notice.New("objective-missing", notice.Args{
			"load": notice.Text(u.Load), "metric": notice.Text(metric.Short(u.Objective)),
		}), why}
	}
	return out, nil
}

// namesOf are the metrics that a use case ranks and limits by.
func namesOf(u experiment.UseCase, slo []experiment.Constraint) []string {
	out := []string{u.Objective}
	for _, k := range constraintsOf(u, slo) {
		out = append(out, k.Metric)
	}
	return out
}

// nearest is the candidate with the smallest of the largest violations.
func nearest(all []candidate) candidate {
	best := all[0]
	for _, c := range all[1:] {
		if c.worst < best.worst {
			best = c
		}
	}
	return best
}

// refusal says how near the nearest cell came, and which constraint rules out
// the most cells.
func (a *analyser) refusal(near candidate, m *NearestMiss) []notice.Notice {
	args := notice.Args{"n": notice.Count(m.Cells), "configuration": notice.Text(m.Label), "point": notice.Text(m.PointLabel)}
	if m.Off > 0 {
		args["off"] = notice.Fraction(m.Off)
	}
	out := append([]notice.Notice{notice.New("no-result-qualifies", args).On(notice.Result, m.Cell)}, near.why...)
	return append(out, notice.New("limit-binding", notice.Args{
		"metric": notice.Text(metric.Short(m.Binding)), "n": notice.Count(m.Fails), "all": notice.Count(m.Cells),
	}))
}

// bestPerConfiguration keeps each configuration's best load point, best first.
// Equal values keep plan order.
func (a *analyser) bestPerConfiguration(fit []candidate, maximize bool) []candidate {
	sort.SliceStable(fit, func(i, j int) bool {
		if maximize {
			return fit[i].value > fit[j].value
		}
		return fit[i].value < fit[j].value
	})
	seen := map[string]bool{}
	var out []candidate
	for _, c := range fit {
		id := a.findings.Cells[c.cell].Configuration
		if !seen[id] {
			seen[id] = true
			out = append(out, c)
		}
	}
	return out
}

// choose takes the best point estimate, or a cheaper configuration that comes
// to the same: one whose estimate is within the margin of the best and whose
// difference from it is either not separable from zero or equivalent. Cheaper
// is fewer GPUs, then the baseline, then fewer changed flags. The ties are the
// other configurations that the data do not separate from the winner.
func (a *analyser) choose(u experiment.UseCase, best []candidate) (winner candidate, ties []candidate, preferred bool) {
	top := best[0]
	winner = top
	for _, c := range best[1:] {
		near, open := a.same(u.Objective, c, top)
		if near && open && a.cheaper(c, winner) {
			winner, preferred = c, true
		}
	}
	return winner, a.tied(u, winner, best), preferred
}

// tied are the other configurations that the data do not separate from one.
func (a *analyser) tied(u experiment.UseCase, winner candidate, best []candidate) (ties []candidate) {
	for _, c := range best {
		if c.cell == winner.cell {
			continue
		}
		if _, open := a.same(u.Objective, c, winner); open {
			ties = append(ties, c)
		}
	}
	return ties
}

// shown is the configuration to recommend where the baseline qualifies: a change
// has to be shown to be better than it, or to need fewer GPUs. Else it is the
// next best that is shown to be, or the baseline. The leader is the one in front
// that is passed over; nil: none.
func (a *analyser) shown(u experiment.UseCase, winner candidate, best []candidate) (_ candidate, leader *candidate) {
	base := slices.IndexFunc(best, func(c candidate) bool { return a.findings.Cells[c.cell].Baseline })
	first := slices.IndexFunc(best, func(c candidate) bool { return c.cell == winner.cell })
	if base < 0 || first >= base || !a.cheaper(best[base], winner) {
		return winner, nil
	}
	for _, c := range best[first:base] {
		if r := a.againstBaseline(u, c, best); r == nil || r.Verdict == Better || r.P == 0 && a.betterAtItsLoad(u, c) {
			if c.cell == winner.cell {
				return winner, nil
			}
			return c, &winner
		}
	}
	return best[base], &winner
}

// betterAtItsLoad reports whether a candidate is shown to be better than the
// baseline at the same load. That stands in where the baseline's best result is at
// another load and so few trials leave no test between the two.
func (a *analyser) betterAtItsLoad(u experiment.UseCase, c candidate) bool {
	return a.findings.Cells[c.cell].Ratios[u.Objective].Verdict == Better
}

func (a *analyser) leader(u experiment.UseCase, c candidate, best []candidate) *Leader {
	cell := a.findings.Cells[c.cell]
	out := &Leader{
		Cell: cell.ID, Configuration: cell.Configuration, Label: cell.Label, PointLabel: cell.PointLabel,
		Estimate: cell.Estimates[u.Objective],
	}
	if r := a.againstBaseline(u, c, best); r != nil {
		out.Ratio = *r
	}
	return out
}

func (a *analyser) againstBaseline(u experiment.UseCase, c candidate, best []candidate) *Ratio {
	var probe Recommendation
	a.compareWinner(&probe, u, c, best)
	return probe.Ratio
}

// same reports whether two candidates' objectives are within the margin of
// each other by point estimate, and whether the data leave open that they are
// equal. Without an interval for their ratio, only the former can be known and
// stands for both.
func (a *analyser) same(objective string, x, y candidate) (near, open bool) {
	d := compare(a.series[seriesKey{x.cell, objective}], a.series[seriesKey{y.cell, objective}])
	if d.unlike {
		return false, false
	}
	if !d.valid {
		return x.value == y.value, x.value == y.value
	}
	return math.Abs(d.Value) <= a.margin, a.leftOpen(d)
}

// leftOpen reports whether the data leave open that two series are the same:
// without a test within the margin, else not significant or surely within it.
func (a *analyser) leftOpen(d difference) bool {
	if d.SE == 0 {
		return math.Abs(d.Value) <= a.margin
	}
	alpha := 1 - a.confidence
	return d.P() >= alpha || d.Equivalence(a.margin) < alpha
}

func (a *analyser) cheaper(x, y candidate) bool {
	cx, cy := a.findings.Cells[x.cell], a.findings.Cells[y.cell]
	if cx.GPUs != cy.GPUs {
		return cx.GPUs < cy.GPUs
	}
	if cx.Baseline != cy.Baseline {
		return cx.Baseline
	}
	return a.changed[cx.Configuration] < a.changed[cy.Configuration]
}

// describe fills in what the winner is.
func (a *analyser) describe(rec *Recommendation, w candidate) {
	c := a.findings.Cells[w.cell]
	e := c.Estimates[rec.Objective]
	conf, _ := a.in.Plan.Configuration(c.Configuration)
	rec.Cell, rec.Configuration, rec.Label, rec.PointLabel = c.ID, c.Configuration, c.Label, c.PointLabel
	rec.Flags = conf.Flags
	rec.Command = a.command(conf)
	rec.Container = a.container(c.Configuration)
	rec.Estimate = &e
	if a.only == nil {
		rec.Confirmation, _ = a.before(0)
	}
	if len(w.checks) > 0 {
		rec.Constraints = w.checks
	}
}

// compareWinner fills the ratio of the objective to the baseline's best
// qualifying cell, or to the baseline at the winner's load point where the
// baseline qualifies nowhere. The winner was picked as the best of several, so
// its p-value is corrected for their number (Bonferroni).
func (a *analyser) compareWinner(rec *Recommendation, u experiment.UseCase, w candidate, best []candidate) {
	wc := a.findings.Cells[w.cell]
	if wc.Baseline {
		return
	}
	base := -1
	for _, c := range best {
		if a.findings.Cells[c.cell].Baseline {
			base, rec.BaselineQualifies = c.cell, true
		}
	}
	for i, c := range a.findings.Cells {
		if base < 0 && c.Baseline && c.LoadPoint == wc.LoadPoint {
			base = i
		}
	}
	if base < 0 {
		return
	}
	sw, sb := a.series[seriesKey{w.cell, u.Objective}], a.series[seriesKey{base, u.Objective}]
	if sb == nil {
		return
	}
	d := compare(sw, sb)
	r, ok := d.ratio(a.confidence)
	if !ok {
		return
	}
	if r.P > 0 {
		others := max(1, len(best)-1)
		r.PAdjusted = math.Min(1, r.P*float64(others))
		dir := metric.Lower
		if u.Maximize {
			dir = metric.Higher
		}
		a.settle(&r, d, dir, others)
		if a.findings.Cells[base].LoadPoint == a.findings.Cells[w.cell].LoadPoint {
			a.respectFloor(&r, w.cell, u.Objective)
		}
	}
	rec.Ratio, rec.BaselineCell = &r, a.findings.Cells[base].ID
	if same, ok := wc.Ratios[u.Objective]; ok && a.findings.Cells[base].LoadPoint != wc.LoadPoint {
		rec.SameLoad = &same
	}
}
