package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// cellTable is every cell with every shown metric, failed cells included.
type cellTable struct {
	Columns []column
	Rows    []cellRow
	Loads   []string // for the filter
	Absent  []fact   // metrics that would be columns if some cell had them, with a reason
	Asked   int      // how many of the columns, from the first, the experiment asks about
}

// column is one metric.
type column struct {
	Metric      string // as in files: "ttft_p95"
	Name, Title string // "TTFT p95", "time to first token, p95"
	Better      string // "higher is better" or "lower is better"
	More        bool   // hidden until all metrics are asked for
}

type cellRow struct {
	ID        string
	Label     string
	Baseline  bool
	Load      string
	Point     string
	Order     int  // in the plan, for sorting by load point
	Key       bool // belongs into a short table: recommended, on the frontier, or the baseline beside such a cell
	Trials    string
	TrialSort int
	Tags      []tag
	Entries   []entry
	Unusable  string // then there is no entry
	Link      string // ID of the failure on the page
}

// tag marks a row: Kind is a CSS class.
type tag struct{ Kind, Text, Title string }

// entry is one metric of one cell.
type entry struct {
	More       bool // of a column that is hidden at first
	Quantity   *quantity
	Comparison *comparison
	Absent     string
}

func (b *build) columns() []column {
	var out []column
	for _, name := range b.metrics {
		c := column{Metric: name, Name: metric.Short(name), Title: metric.Title(name)}
		if m, err := metric.Parse(name); err == nil {
			c.Better = "lower is better"
			if m.Better == metric.Higher {
				c.Better = "higher is better"
			}
		}
		c.More = len(out) >= max(shownColumns, b.asked)
		out = append(out, c)
	}
	return out
}

// shownColumns is how many metrics fit beside each other on a page of 1440
// pixels and on a printed one.
const shownColumns = 6

func (b *build) cellTable() cellTable {
	t := cellTable{Columns: b.columns(), Asked: b.asked}
	seen := map[string]bool{}
	for _, l := range b.Plan.LoadPoints {
		if !seen[l.Load] {
			seen[l.Load] = true
			t.Loads = append(t.Loads, l.Load)
		}
	}
	for _, c := range b.Findings.Cells {
		t.Rows = append(t.Rows, b.cellRow(c))
	}
	b.markKeyRows(t.Rows)
	for _, a := range b.absentMetrics() {
		if slices.Contains(b.wanted, a.Name) && !b.anyCellHas(a.Name) {
			t.Absent = append(t.Absent, a)
		}
	}
	return t
}

// markKeyRows picks the rows of the short table.
func (b *build) markKeyRows(rows []cellRow) {
	points := map[string]bool{}
	for i, r := range rows {
		if b.onHeadline(r.ID, r.Load) || len(b.recommended[r.ID]) > 0 {
			rows[i].Key, points[r.Point] = true, true
		}
	}
	for i, r := range rows {
		rows[i].Key = r.Key || r.Baseline && points[r.Point]
	}
}

// absentMetrics lists the metrics that some cell lacks, each with a reason.
func (b *build) absentMetrics() []fact {
	reasons := map[string]string{}
	for _, c := range b.Findings.Cells {
		maps.Copy(reasons, c.Absent)
	}
	var out []fact
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		out = append(out, fact{name, reasons[name]})
	}
	return out
}

// KeyRows are the rows of the short table.
func (t cellTable) KeyRows() []cellRow {
	return slices.DeleteFunc(slices.Clone(t.Rows), func(r cellRow) bool { return !r.Key })
}

// KeyColumns are the columns of the short table: what the experiment asks
// about, and at least four.
func (t cellTable) KeyColumns() []column { return t.Columns[:min(len(t.Columns), max(t.Asked, 4))] }

// KeyEntries are the entries under KeyColumns.
func (t cellTable) KeyEntries(r cellRow) []entry {
	return r.Entries[:min(len(r.Entries), len(t.KeyColumns()))]
}

func (b *build) cellRow(c analysis.Cell) cellRow {
	r := cellRow{
		ID: c.ID, Label: c.Label, Baseline: c.Baseline, Load: c.Load, Point: c.PointLabel,
		Trials: trialsText(c), TrialSort: c.Trials, Tags: b.tags(c),
	}
	for i, l := range b.Plan.LoadPoints {
		if l.ID == c.LoadPoint {
			r.Order = i
		}
	}
	if len(c.Estimates) == 0 {
		r.Unusable = unmeasured(c)
		for i, f := range b.Findings.Failures {
			if f.Configuration == c.Configuration && c.Failed+c.Skipped > 0 {
				r.Unusable += ": " + f.Class
				r.Link = failureID(i)
			}
		}
		return r
	}
	for i, name := range b.metrics {
		e := newEntry(c, name)
		e.More = i >= max(shownColumns, b.asked)
		r.Entries = append(r.Entries, e)
	}
	return r
}

func newEntry(c analysis.Cell, name string) entry {
	e, ok := c.Estimates[name]
	if !ok {
		if why := c.Absent[name]; why != "" {
			return entry{Absent: why}
		}
		return entry{Absent: "not measured"}
	}
	q := newQuantity(name, e)
	out := entry{Quantity: &q}
	if r, ok := c.Ratios[name]; ok && !c.Baseline {
		out.Comparison = newComparison(r)
	}
	return out
}

// trialsText is "3", or "2 of 3" where one planned does not count.
func trialsText(c analysis.Cell) string {
	planned := c.Planned()
	if planned == c.Trials {
		return fmt.Sprint(c.Trials)
	}
	return fmt.Sprintf("%d of %d", c.Trials, planned)
}

// onHeadline reports whether a cell is on the first frontier of its load.
func (b *build) onHeadline(cell, load string) bool {
	return b.headline[load] != "" && slices.Contains(b.frontier[cell], b.headline[load])
}

func (b *build) tags(c analysis.Cell) []tag {
	var out []tag
	add := func(kind, text, title string) { out = append(out, tag{kind, text, title}) }
	for _, u := range b.recommended[c.ID] {
		add("good", "best for "+u, "recommended for the use case "+u)
	}
	if metrics := b.frontier[c.ID]; len(metrics) > 0 {
		text := "frontier"
		if !b.onHeadline(c.ID, c.Load) {
			text += " by " + metric.Short(metrics[0])
		}
		add("plain", text, "no other result of this load is better in both throughput and "+say.Choice(shorts(metrics)))
	}
	if c.MeetsSLO != nil && !*c.MeetsSLO {
		add("bad", "misses SLO", notice.Join(c.SLOFailures))
	}
	if c.Invalid > 0 {
		title := "measured, and discarded"
		if c.Repeats > 0 {
			title += "; measured again: " + fmt.Sprint(c.Repeats)
		}
		add("warn", fmt.Sprintf("%d discarded", c.Invalid), title)
	}
	if c.Failed > 0 && len(c.Estimates) > 0 {
		add("bad", fmt.Sprintf("%d failed", c.Failed), "the server did not start or died")
	}
	if c.Skipped > 0 && len(c.Estimates) > 0 {
		add("plain", fmt.Sprintf("%d skipped", c.Skipped), "not run: the server was known to be unable to start, or a lower point of the load had saturated it")
	}
	if c.Missing > 0 {
		add("warn", fmt.Sprintf("%d missing", c.Missing), "planned and not run")
	}
	if n := len(c.Warnings); n > 0 {
		add("plain", say.Count(n, "note"), strings.Join(notice.Texts(c.Warnings), " "))
	}
	return out
}
