package report

import (
	"io"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Table writes one table per load point: every configuration with what was
// measured of it and its change from the baseline at that load.
func (t Terminal) Table(w io.Writer, in Input) error {
	s := newScreen(t, in, Ending{})
	var out []string
	for _, p := range in.Plan.LoadPoints {
		if table := s.load(p.ID, 0); len(table) > 0 {
			out = append(append(out, table...), "")
		}
	}
	_, err := io.WriteString(w, strings.Join(out, "\n"))
	return err
}

// result is a row of the table of a load.
type result struct {
	label string
	cell  analysis.Cell
}

// tableMetric is one metric of such a table with its heading.
type tableMetric struct {
	metric string
	head   string
}

// load is the table of one load point in at most limit lines; 0: no limit.
func (s *answerScreen) load(point string, limit int) []string {
	all := s.results(point)
	if len(all) == 0 {
		return nil
	}
	if limit == 0 {
		return s.loadTable(all, all, false)
	}
	// How many lines the legend has depends on what is shown.
	for n := limit - 2; ; n-- {
		shown := all
		if n < len(all) {
			shown = s.chosen(all, max(n, 1))
		}
		if out := s.loadTable(all, shown, true); len(out) <= limit || n <= 1 {
			return out
		}
	}
}

// loadTable is the table of some of the results of a load point; brief says
// that there are other tables to point to.
func (s *answerScreen) loadTable(all, shown []result, brief bool) []string {
	widest := 2 * s.width / 5
	title := all[0].cell.PointLabel
	if long := title + ", screening runs"; s.Findings.Confirm != nil && columns(long) <= widest {
		title = long
	} else if s.Findings.Confirm != nil {
		title += ", screening"
	}
	labels := columns(title)
	for _, r := range shown {
		labels = max(labels, 2+columns(r.label))
	}
	labels = min(labels, max(widest, columns(title)))
	heads, table, signs := s.measured(all, shown, s.width-labels)
	widths, gaps, right := []int{labels}, []int{0}, []bool{false}
	for i := range heads {
		w := columns(heads[i].text)
		for _, cells := range table {
			w = max(w, columns(cells[i].text))
		}
		value := i%2 == 0
		widths, right = append(widths, w), append(right, value)
		gaps = append(gaps, map[bool]int{true: 2, false: 1}[value])
	}
	out := []string{s.joined(append([]styled{{title, bold}}, heads...), widths, gaps, right)}
	for i, r := range shown {
		color := plain
		if s.isRecommended(r.cell) {
			color = bold
		}
		label := styled{"  " + r.label, color}
		if len(r.cell.Estimates) == 0 {
			out = append(out, say.Clip(s.joined([]styled{label}, widths, gaps, right)+"  "+s.without(r.cell), s.width))
			continue
		}
		out = append(out, s.joined(append([]styled{label}, table[i]...), widths, gaps, right))
	}
	return append(out, s.legend(signs, len(all)-len(shown), brief)...)
}

// results are the rows of a load point, the baseline first, then in the order of
// the plan. What was measured in the confirmation runs alone comes last.
func (s *answerScreen) results(point string) []result {
	var out []result
	for _, c := range s.Findings.Cells {
		if c.LoadPoint == point {
			out = append(out, result{c.Label, c})
		}
	}
	if confirm := s.Findings.Confirm; confirm != nil {
		for _, c := range confirm.Cells {
			if c.LoadPoint == point && !slices.ContainsFunc(out, func(r result) bool { return r.cell.ID == c.ID }) {
				out = append(out, result{c.Label, c})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y result) int {
		switch {
		case x.cell.Baseline == y.cell.Baseline:
			return 0
		case x.cell.Baseline:
			return -1
		}
		return 1
	})
	return out
}

// chosen are the n rows that matter most: the baseline, what is recommended, and
// the best others by the objective of the load's first use case.
func (s *answerScreen) chosen(all []result, n int) []result {
	objective, maximize := "output_throughput", true
	for _, r := range slices.Backward(s.Findings.Recommendations) {
		if r.Load == all[0].cell.Load {
			objective, maximize = r.Objective, r.Maximize
		}
	}
	out := slices.Clone(all)
	rank := func(r result) int {
		switch {
		case r.cell.Baseline:
			return 0
		case s.isRecommended(r.cell):
			return 1
		}
		if _, ok := r.cell.Estimates[objective]; ok {
			return 2
		}
		return 3
	}
	slices.SortStableFunc(out, func(x, y result) int {
		if d := rank(x) - rank(y); d != 0 {
			return d
		}
		a, b := x.cell.Estimates[objective].Center, y.cell.Estimates[objective].Center
		switch {
		case a == b:
			return 0
		case (a > b) == maximize:
			return -1
		}
		return 1
	})
	return out[:min(n, len(out))]
}

func (s *answerScreen) isRecommended(c analysis.Cell) bool {
	return slices.ContainsFunc(s.Findings.Recommendations, func(r analysis.Recommendation) bool {
		return r.Cell != "" && r.Configuration == c.Configuration
	})
}

// measured are the values of rows and their marks, two columns per metric, for
// as many metrics as fit into width; and the signs in use. Metrics are chosen by
// all rows, so that a table does not depend on which of them are shown.
func (s *answerScreen) measured(all, shown []result, width int) (
	heads []styled, table [][]styled, signs map[string]string,
) {
	table = make([][]styled, len(shown))
	signs = map[string]string{}
	for _, c := range s.metricsOf(all) {
		head := []styled{{c.head, bold}, {"", plain}}
		cells := make([][]styled, len(shown))
		used := map[string]string{}
		value, mark := columns(c.head), 0
		for i, r := range shown {
			cells[i] = []styled{{say.Unknown, faint}, {"", plain}}
			if e, ok := r.cell.Estimates[c.metric]; ok {
				text := say.Metric(c.metric, e.Center)
				cells[i][0] = styled{strings.TrimSuffix(text, " "+c.head), plain}
			}
			if q, ok := r.cell.Ratios[c.metric]; ok {
				mark, sign, means := s.markOf(q)
				cells[i][1] = mark
				if _, known := used[sign]; !known {
					used[sign] = means
				}
			}
			value, mark = max(value, columns(cells[i][0].text)), max(mark, columns(cells[i][1].text))
		}
		if width -= 2 + value + 1 + mark; width < 0 {
			break
		}
		heads = append(heads, head...)
		for i := range table {
			table[i] = append(table[i], cells[i]...)
		}
		for sign, means := range used {
			if _, known := signs[sign]; !known {
				signs[sign] = means
			}
		}
	}
	return heads, table, signs
}

// metricsOf are the metrics of a load's table, the most wanted first: the usual
// three, then what the experiment asks about, then others that a wide terminal
// has room for. An objective of the load that is none of the three is second.
func (s *answerScreen) metricsOf(rows []result) []tableMetric {
	var names []string
	add := func(name string) {
		has := func(r result) bool { _, ok := r.cell.Estimates[name]; return ok }
		if !slices.Contains(names, name) && slices.ContainsFunc(rows, has) {
			names = append(names, name)
		}
	}
	usual := []string{"output_throughput", "ttft_p50", "tpot_p50"}
	add(usual[0])
	for _, r := range s.Findings.Recommendations {
		if r.Load == rows[0].cell.Load && !slices.Contains(usual, r.Objective) {
			add(r.Objective)
		}
	}
	others := []string{"ttft_p95", "e2e_p50", "itl_p99", "e2e_p95", "request_throughput"}
	for _, name := range slices.Concat(usual, s.asked(), others) {
		add(name)
	}
	var out []tableMetric
	for _, name := range names {
		head := metric.Short(name)
		if m, err := metric.Parse(name); err == nil && (name == "output_throughput" || name == "request_throughput") {
			head = string(m.Unit)
		}
		out = append(out, tableMetric{name, head})
	}
	return out
}

// Signs of a change from the baseline that is not printed as a number alone.
const (
	signSame   = "="
	signOpen   = "?"
	signLeans  = "%?" // a change that is significant by itself alone
	signUnlike = "n/c"
)

// markOf is how a change from the baseline is shown, with its sign and what the
// sign means.
func (s *answerScreen) markOf(q analysis.Ratio) (mark styled, sign, means string) {
	switch {
	case q.Verdict == analysis.Better:
		return styled{say.Change(q.Center), green}, "", ""
	case q.Verdict == analysis.Worse:
		return styled{say.Change(q.Center), red}, "", ""
	case q.Verdict == analysis.Equivalent:
		return styled{signSame, faint}, signSame, "= equivalent (within " + say.Percent(s.Findings.Margin) + ")"
	case q.Verdict == analysis.NotComparable:
		return styled{signUnlike, faint}, signUnlike, "n/c not comparable: lengths differ"
	case leans(q):
		text := say.Change(q.Center) + signOpen
		return styled{text, yellow}, signLeans, text + " " + q.Reason()
	}
	return styled{signOpen, faint}, signOpen, "? undecided"
}

// legend explains the signs in use and counts what is not shown.
func (s *answerScreen) legend(signs map[string]string, hidden int, brief bool) []string {
	var parts []string
	for _, sign := range []string{signSame, signOpen, signUnlike, signLeans} {
		if text, used := signs[sign]; used {
			parts = append(parts, text)
		}
	}
	var more []string
	if hidden > 0 {
		more = append(more, say.Count(hidden, "more configuration"))
	}
	if n := len(s.Plan.LoadPoints) - 1; n > 0 && brief {
		more = append(more, say.Count(n, "more load point"))
	}
	if len(more) > 0 {
		parts = append(parts, strings.Join(more, ", ")+": sweep analyze --table")
	}
	var out []string
	line := ""
	for _, p := range parts {
		if line != "" && columns(line)+columns(p)+5 > s.width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += "   "
		}
		line += p
	}
	if line != "" {
		out = append(out, line)
	}
	for i := range out {
		out[i] = s.clip(faint, "  "+out[i])
	}
	return out
}

// without says why a row has no values.
func (s *answerScreen) without(c analysis.Cell) string {
	for _, f := range s.Findings.Failures {
		if f.Configuration == c.Configuration {
			return failedWhen(f)
		}
	}
	return unmeasured(c)
}
