package analysis

import (
	"fmt"
	"io"
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
)

// WriteText prints the comparison for a terminal: a table for each load point.
func (out *Between) WriteText(w io.Writer) error {
	var b strings.Builder
	var points []string
	for _, c := range out.Cells {
		if len(points) == 0 || points[len(points)-1] != c.PointLabel {
			points = append(points, c.PointLabel)
		}
	}
	seen := map[string]bool{}
	for _, p := range points {
		if !seen[p] {
			seen[p] = true
			out.writePoint(&b, p)
		}
	}
	for _, list := range []struct {
		title string
		items []string
	}{{"Only in the first run", out.OnlyA}, {"Only in the second run", out.OnlyB}, {"Warnings", out.Warnings}} {
		if len(list.items) > 0 {
			b.WriteString(list.title + "\n")
			for _, s := range list.items {
				wrap(&b, "  - ", s)
			}
		}
	}
	fmt.Fprintf(&b, "%s, corrected together (Holm); %s intervals; margin %s.\n",
		say.Count(out.Tests, "comparison"), say.Percent(out.Confidence), say.Percent(out.Margin))
	_, err := io.WriteString(w, b.String())
	return err
}

func (out *Between) writePoint(b *strings.Builder, point string) {
	fmt.Fprintf(b, "%s\n", point)
	rows := [][]string{{"first", "second", "change", "interval", "verdict", "metric", "configuration", ""}}
	for _, c := range out.Cells {
		if c.PointLabel != point {
			continue
		}
		for _, m := range out.Metrics {
			ea, okA := c.A[m]
			eb, okB := c.B[m]
			if !okA || !okB {
				continue
			}
			line := []string{say.Metric(m, ea.Center), say.Metric(m, eb.Center), "", "", "no ratio", m, c.Label, ""}
			if r, ok := c.Ratios[m]; ok {
				line[2], line[4] = say.Change(r.Center), r.Verdict
				if r.HasInterval() {
					line[3] = fmt.Sprintf("[%s, %s]", say.Change(r.Lo), say.Change(r.Hi))
				}
			}
			rows = append(rows, line)
		}
	}
	writeTable(b, rows, 4)
	b.WriteString("\n")
}
