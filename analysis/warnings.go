package analysis

import (
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// warn collects the caveats about the run as a whole and about its results.
func (a *analyser) warn(drifts []drift) {
	w := &a.findings.Warnings
	*w = append(*w, a.findings.countWarnings()...)
	if a.strangers > 0 {
		*w = append(*w, notice.New("unplanned-trials", notice.Args{"n": notice.Count(a.strangers)}))
	}
	if a.in.Plan.Order == experiment.Sequential {
		*w = append(*w, notice.New("order-sequential", nil))
	} else if n := a.countSeries(func(s *series) bool { return s.withinStart }); n > 0 {
		*w = append(*w, notice.New("launches-shared", nil))
	}
	if a.findings.Baseline == "" {
		*w = append(*w, notice.New("no-baseline", nil))
	} else if points := a.pointsWithoutBaseline(); len(points) > 0 {
		*w = append(*w, notice.New("baseline-missing", notice.Args{"points": notice.List(points...)}))
	}
	for _, d := range drifts {
		*w = append(*w, d.notice())
	}
	*w = append(*w, warnEnds(slices.Concat(a.trials...))...)
	a.warnVariances(w)
	a.warnFloors(w)
	if len(a.unknown) > 0 {
		*w = append(*w, notice.New("unknown-metrics", notice.Args{"metrics": notice.List(a.unknown...)}))
	}
	for i := range a.findings.Cells {
		a.warnCell(i)
	}
}

// countWarnings are the caveats that count trials, of the screening and of the
// confirmation runs, which are missing, do not count or failed, and results of the
// screening runs with one trial alone.
func (f *Findings) countWarnings() []notice.Notice {
	var w []notice.Notice
	var counting, invalid, repeats, skipped, missing, planned, single int
	failed := map[string]int{}
	count := func(c Cell) {
		for cause, n := range c.FailedBy {
			failed[cause] += n
		}
		invalid, repeats, skipped = invalid+c.Invalid, repeats+c.Repeats, skipped+c.Skipped
		missing, planned = missing+c.Missing, planned+c.Planned()
	}
	for _, c := range f.Cells {
		count(c)
		counting += c.Trials
		if c.Trials == 1 {
			single++
		}
	}
	if f.Confirm != nil {
		for _, c := range f.Confirm.Cells {
			count(c)
		}
	}
	if counting == 0 {
		w = append(w, notice.New("nothing-counts", nil))
	}
	if missing > 0 {
		w = append(w, notice.New("trials-missing", notice.Args{"n": notice.Count(missing), "planned": notice.Count(planned)}))
	}
	if invalid > 0 {
		args := notice.Args{"n": notice.Count(invalid)}
		if repeats > 0 {
			args["again"] = notice.Count(repeats)
		}
		w = append(w, notice.New("trials-discarded", args))
	}
	if n, ok := FailedNotice(failed); ok {
		w = append(w, n)
	}
	if skipped > 0 {
		w = append(w, notice.New("trials-skipped", notice.Args{"n": notice.Count(skipped)}))
	}
	if single > 0 {
		w = append(w, notice.New("single-trials", notice.Args{"n": notice.Count(single)}))
	}
	return w
}

func (a *analyser) countSeries(match func(*series) bool) int {
	n := 0
	for _, s := range a.series {
		if match(s) {
			n++
		}
	}
	return n
}

// pointsWithoutBaseline lists load points where others were measured and the
// baseline was not.
func (a *analyser) pointsWithoutBaseline() []string {
	base, other := map[string]bool{}, map[string]bool{}
	for _, c := range a.findings.Cells {
		if c.Trials == 0 {
			continue
		}
		if c.Baseline {
			base[c.LoadPoint] = true
		} else {
			other[c.LoadPoint] = true
		}
	}
	var out []string
	for _, p := range a.in.Plan.LoadPoints {
		if other[p.ID] && !base[p.ID] {
			out = append(out, p.Label)
		}
	}
	return out
}

// warnVariances names the metrics for which some load point fell back to each
// cell's own variance.
func (a *analyser) warnVariances(w *[]notice.Notice) {
	var names []string
	for _, f := range a.families {
		if f.unequal && !slices.Contains(names, metric.Short(f.metric)) {
			names = append(names, metric.Short(f.metric))
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		*w = append(*w, notice.New("variances-differ", notice.Args{"metrics": notice.List(few(names)...)}))
	}
}

// few are the first names of a long list and the number of the others.
func few(names []string) []string {
	if n := len(names); n > 4 {
		return append(names[:3:3], fmt.Sprintf("%d more", n-3))
	}
	return names
}

// apartMetrics lists the metrics in which a cell stands apart, see stats.Pool.
func (a *analyser) apartMetrics(cell int) []string {
	var names []string
	for _, m := range a.metrics {
		if s, ok := a.series[seriesKey{cell, m}]; ok && s.apart {
			names = append(names, metric.Short(m))
		}
	}
	return few(names)
}

func (a *analyser) warnCell(i int) {
	c := &a.findings.Cells[i]
	warn := func(n notice.Notice) {
		if !slices.ContainsFunc(c.Warnings, n.Equal) {
			c.Warnings = append(c.Warnings, n)
		}
	}
	if c.Trials == 0 && c.Invalid > 0 {
		warn(notice.New("no-trial-counts", nil))
	}
	if names := a.apartMetrics(i); len(names) > 0 {
		warn(notice.New("stands-apart", notice.Args{"metrics": notice.List(names...)}))
	}
	partial := 0
	for m, e := range c.Estimates {
		if _, ok := c.Absent[m]; ok && e.N < c.Trials {
			partial++
		}
	}
	if partial > 0 {
		warn(notice.New("fewer-trials", notice.Args{"n": notice.Count(partial)}))
	}
	for _, t := range a.trials[i] {
		for _, n := range t.Warnings {
			warn(n)
		}
	}
}
