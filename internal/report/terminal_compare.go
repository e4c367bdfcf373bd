package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Comparison writes the comparison of two runs: a table for each load point.
// Lines are 100 columns wide.
func (t Terminal) Comparison(w io.Writer, cmp *analysis.Between) error {
	d := &details{width: textWidth}
	seen := map[string]bool{}
	for _, c := range cmp.Cells {
		if !seen[c.PointLabel] {
			seen[c.PointLabel] = true
			d.point(cmp, c.PointLabel)
		}
	}
	var texts []string
	for _, n := range cmp.Warnings {
		texts = append(texts, n.String())
	}
	for _, list := range []struct {
		title string
		items []string
	}{{"Only in the first run", cmp.OnlyA}, {"Only in the second run", cmp.OnlyB}, {"Warnings", texts}} {
		if len(list.items) > 0 {
			d.WriteString(list.title + "\n")
			for _, s := range list.items {
				d.wrap("  - ", s)
			}
		}
	}
	fmt.Fprintf(d, "%s, corrected together (Holm); %s intervals; margin %s.\n",
		say.Count(cmp.Tests, "comparison"), say.Percent(cmp.Confidence), say.Percent(cmp.Margin))
	_, err := io.WriteString(w, d.String())
	return err
}

// point is the table of one load point. Below it stands why a change whose
// interval excludes no change is undecided all the same.
func (d *details) point(cmp *analysis.Between, point string) {
	fmt.Fprintf(d, "%s\n", point)
	table := [][]string{{"first", "second", "change", "interval", "verdict", "metric", "configuration", ""}}
	var reasons []string
	for _, c := range cmp.Cells {
		if c.PointLabel != point {
			continue
		}
		for _, m := range cmp.Metrics {
			ea, okA := c.A[m]
			eb, okB := c.B[m]
			if !okA || !okB {
				continue
			}
			line := []string{say.Metric(m, ea.Center), say.Metric(m, eb.Center), "", "", "no ratio", metric.Short(m), c.Label, ""}
			if r, ok := c.Ratios[m]; ok {
				line[2], line[4] = say.Change(r.Center), r.Verdict
				if r.HasInterval() {
					line[3] = say.Interval(say.Change(r.Lo), say.Change(r.Hi))
				}
				if leans(r) {
					line[4] += "*"
					if text := r.Reason(); !slices.Contains(reasons, text) {
						reasons = append(reasons, text)
					}
				}
			}
			table = append(table, line)
		}
	}
	writeTable(&d.Builder, table, 4, d.width)
	for _, r := range reasons {
		d.wrap("  * ", r)
	}
	d.WriteString("\n")
}

// Worse lists what the second run does worse, by verdict.
func Worse(cmp *analysis.Between) []string {
	var worse []string
	for _, c := range cmp.Cells {
		for _, m := range cmp.Metrics {
			if r := c.Ratios[m]; r.Verdict == analysis.Worse {
				worse = append(worse, fmt.Sprintf("%s at %s: %s %s", c.Label, c.PointLabel, metric.Short(m), say.Change(r.Center)))
			}
		}
	}
	return worse
}
