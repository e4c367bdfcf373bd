package plots

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// pick is a recommended cell with the use cases that it answers.
type pick struct {
	cell  string
	lines []string
}

// filled says whether a cell's marker is filled: it meets the SLO where there
// is one, else it is on the frontier.
func (d frontierPlot) filled(q point) bool {
	if d.hasSLO {
		return q.cell.MeetsSLO != nil && *q.cell.MeetsSLO
	}
	return q.frontier || len(d.front.Cells) == 0
}

// marks draws the points, those of the context first, recommended ones last.
func (d frontierPlot) marks(p *draw.Pen, a draw.Axes, pl *draw.Placer) {
	for _, pass := range []func(series, point) bool{
		func(s series, _ point) bool { return s.context },
		func(s series, q point) bool { return !s.context && !q.frontier && !d.picked(q) },
		func(s series, q point) bool { return !s.context && q.frontier && !d.picked(q) },
		func(s series, q point) bool { return !s.context && d.picked(q) },
	} {
		for _, s := range d.all {
			for _, q := range s.points {
				if pass(s, q) {
					d.mark(p, a, pl, s, q)
				}
			}
		}
	}
}

func (d frontierPlot) picked(q point) bool {
	return slices.ContainsFunc(d.picks, func(k pick) bool { return k.cell == q.cell.ID })
}

// possible says whether a cell off the frontier may be on it in truth.
func (d frontierPlot) possible(q point) bool {
	return slices.ContainsFunc(d.front.Membership, func(m analysis.Membership) bool {
		return m.Cell == q.cell.ID && m.Probability != nil && *m.Probability >= possibleMember
	})
}

// possibleMember is the probability of being on the frontier from which a cell
// off it is marked: where it is about as likely as not, within the noise.
const possibleMember = 0.25

func (d frontierPlot) mark(p *draw.Pen, a draw.Axes, pl *draw.Placer, s series, q point) {
	at, r := place(a, q), d.radius
	c, filled := s.color(p.Theme), d.filled(q)
	switch {
	case q.frontier:
		r *= 1.12
	case d.possible(q):
		p.Stroke(draw.LineStyle{
			Width: 0.9, Color: draw.Mix(p.Theme.Ink, p.Theme.Background, 0.35), Dash: []vg.Length{1.6, 1.6},
		}, draw.Circle.Outline(at, r+3))
	case s.context:
		r *= 0.85
	}
	p.Marker(s.shape(), at, r, c, filled)
	if d.picked(q) {
		r += 4
		p.Stroke(draw.LineStyle{Width: 1.8, Color: p.Theme.Ink}, draw.Circle.Outline(at, r))
		r++
	}
	pl.Marks = append(pl.Marks, draw.Mark{At: at, R: r + 1})
}

// picksOf are the recommended cells in the picture, one entry a cell.
func picksOf(in Input, load string, points []point) []pick {
	var out []pick
	for _, r := range recommendationsOf(in, load) {
		var q *point
		for i := range points {
			if points[i].cell.ID == r.Cell && r.Cell != "" {
				q = &points[i]
			}
		}
		if q == nil {
			continue
		}
		merged := false
		for i := range out {
			if out[i].cell == r.Cell {
				out[i].lines = append([]string{r.UseCase + " and"}, out[i].lines...)
				merged = true
			}
		}
		if merged {
			continue
		}
		first := fmt.Sprintf("%s: %s, %s", r.UseCase, shortLabelOf(in, r.Configuration), pointName(q.load))
		out = append(out, pick{cell: r.Cell, lines: []string{first, pickDetail(r)}})
	}
	return out
}

// pickDetail is the objective reached, with the verdict against the baseline.
func pickDetail(r analysis.Recommendation) string {
	out := metric.Short(r.Objective)
	if r.Confirmed { // the point stands where the screening runs had it
		out = "confirmed: " + out
	}
	if r.Estimate != nil {
		out += " " + say.Metric(r.Objective, r.Estimate.Center)
	}
	if r.Ratio != nil {
		out += fmt.Sprintf(", %s vs baseline’s best: %s", change(r.Ratio.Center), r.Ratio.Verdict)
	}
	return out
}
