package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// warn collects the doubts about the run as a whole and about its cells.
func (a *analyser) warn(drifts []drift) {
	w := &a.findings.Warnings
	*w = append(*w, a.findings.CountWarnings()...)
	if a.strangers > 0 {
		*w = append(*w, fmt.Sprintf("%s of cells that the plan does not have ignored", say.Count(a.strangers, "trial")))
	}
	if a.in.Plan.Order == experiment.Sequential {
		*w = append(*w, "order sequential: repeats share one server start and configurations ran one after the other, so that drift and differences between starts look like effects of flags")
	} else if n := a.countSeries(func(s *series) bool { return s.withinStart }); n > 0 {
		*w = append(*w, "some cells were repeated on one server start: differences between starts are not in their intervals")
	}
	if a.findings.Baseline == "" {
		*w = append(*w, "no baseline configuration: no ratios")
	} else if points := a.pointsWithoutBaseline(); len(points) > 0 {
		*w = append(*w, "no baseline trial counts at "+strings.Join(points, ", ")+": no ratios there")
	}
	for _, d := range drifts {
		*w = append(*w, "drift: "+d.String()+"; ratios are safe from it, estimates are not")
	}
	if mixed := warnEnds(slices.Concat(a.trials...)); mixed != "" {
		*w = append(*w, mixed)
	}
	a.warnVariances(w)
	a.warnFloors(w)
	if len(a.unknown) > 0 {
		*w = append(*w, "unknown metrics ignored: "+strings.Join(a.unknown, ", "))
	}
	for i := range a.findings.Cells {
		a.warnCell(i)
	}
}

// CountWarnings are those of the findings' warnings that count trials, of the
// blocks and of the confirm stage, which are missing, do not count or failed, and
// cells of the blocks with one trial alone.
func (f *Findings) CountWarnings() []string {
	var w []string
	var counting, invalid, repeats, skipped, missing, single, measured int
	failed := map[string]int{}
	failures := func(c Cell) {
		for cause, n := range c.FailedBy {
			failed[cause] += n
		}
	}
	for _, c := range f.Cells {
		failures(c)
		counting, invalid, missing = counting+c.Trials, invalid+c.Invalid, missing+c.Missing
		skipped, repeats = skipped+c.Skipped, repeats+c.Repeats
		if c.Trials > 0 {
			measured++
		}
		if c.Trials == 1 {
			single++
		}
	}
	if f.Confirm != nil {
		for _, c := range f.Confirm.Cells {
			failures(c)
			invalid, repeats, missing, skipped = invalid+c.Invalid, repeats+c.Repeats, missing+c.Missing, skipped+c.Skipped
		}
	}
	if counting == 0 {
		w = append(w, "no trial counts")
	}
	if missing > 0 {
		w = append(w, fmt.Sprintf("the run is not finished: %s missing", say.Count(missing, "planned trial")))
	}
	if invalid > 0 {
		text := say.Count(invalid, "invalid trial") + " measured and not counted"
		if repeats > 0 {
			text += "; " + say.Count(repeats, "repetition") + " made for them"
		}
		w = append(w, text)
	}
	if text := FailureText(failed); text != "" {
		w = append(w, text)
	}
	if skipped > 0 {
		w = append(w, fmt.Sprintf("%s skipped for a known reason", say.Count(skipped, "trial")))
	}
	if single > 0 {
		w = append(w, fmt.Sprintf("%d of %s with one trial: no interval and no verdict there", single, say.Count(measured, "measured cell")))
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
func (a *analyser) warnVariances(w *[]string) {
	var names []string
	for _, f := range a.families {
		if f.unequal && !slices.Contains(names, f.metric) {
			names = append(names, f.metric)
		}
	}
	slices.Sort(names)
	if n := len(names); n > 4 {
		names = append(names[:4], fmt.Sprintf("and %d more", n-4))
	}
	if len(names) > 0 {
		*w = append(*w, "variances differ between cells, so each cell's own is used at some load points: "+strings.Join(names, ", "))
	}
}

// apartMetrics lists the metrics in which a cell stands apart, see poolCells.
func (a *analyser) apartMetrics(cell int) []string {
	var names []string
	for _, m := range a.metrics {
		if s, ok := a.series[seriesKey{cell, m}]; ok && s.apart {
			names = append(names, m)
		}
	}
	if n := len(names); n > 4 {
		names = append(names[:3], fmt.Sprintf("%d more", n-3))
	}
	return names
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
