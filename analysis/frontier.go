package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// throughput is the Y axis of every frontier.
const throughput = "output_throughput"

// frontierMethod is how cells get onto a frontier.
const frontierMethod = "strict dominance of point estimates over trials"

// frontiers computes the frontiers of every load over all its load points. The
// first frontier of a load is the headline, see headlineX.
func (a *analyser) frontiers() []Frontier {
	out := []Frontier{}
	for _, load := range a.loads() {
		var cells []Cell
		for _, c := range a.findings.Cells {
			if c.Load == load && c.Trials > 0 {
				cells = append(cells, c)
			}
		}
		if len(cells) == 0 {
			continue
		}
		axes := []string{
			a.headlineX(load, cells),
			usual(cells, "ttft_p95", "ttft_p50"),
			usual(cells, "tpot_p50"),
			usual(cells, "e2e_p95", "e2e_p50"),
		}
		done := map[string]bool{"": true}
		for _, x := range axes {
			if done[x] {
				continue
			}
			done[x] = true
			out = a.appendFrontier(out, load, x, throughput, cells)
		}
		if len(axes) > 0 && severalGPUs(cells) {
			out = a.appendFrontier(out, load, axes[0], usual(cells, "output_throughput_per_gpu"), cells)
		}
		for _, x := range a.in.Frontiers {
			before := len(out)
			if out = a.appendFrontier(out, load, x.X, x.Y, cells); len(out) > before {
				out[before].Asked = true
			}
		}
	}
	return out
}

// Axes are a pair of metrics for a frontier: X better when small, Y when large.
type Axes struct{ X, Y string }

// appendFrontier adds the frontier of two metrics unless it is empty or there.
func (a *analyser) appendFrontier(out []Frontier, load, x, y string, cells []Cell) []Frontier {
	same := func(f Frontier) bool { return f.Load == load && f.X == x && f.Y == y }
	if x == "" || y == "" || slices.ContainsFunc(out, same) {
		return out
	}
	f := frontier(load, x, y, cells)
	if len(f.Cells) == 0 {
		return out
	}
	cells = slices.DeleteFunc(slices.Clone(cells), func(c Cell) bool { return c.unranked(x, y) })
	a.standing(&f, cells)
	return append(out, f)
}

// severalGPUs reports whether cells differ in the number of GPUs: then
// throughput per GPU ranks them otherwise than throughput does.
func severalGPUs(cells []Cell) bool {
	return slices.ContainsFunc(cells, func(c Cell) bool { return c.GPUs != cells[0].GPUs })
}

// loads lists the loads of the plan in file order.
func (a *analyser) loads() []string {
	var out []string
	for _, p := range a.in.Plan.LoadPoints {
		if !slices.Contains(out, p.Load) {
			out = append(out, p.Load)
		}
	}
	return out
}

// headlineX chooses the latency that the file cares about most: the first
// latency of the slo, else the first that a use case of the load optimises or
// limits, else the end-to-end latency; always one that most cells have.
func (a *analyser) headlineX(load string, cells []Cell) string {
	var wanted []string
	for _, k := range a.in.SLO {
		wanted = append(wanted, k.Metric)
	}
	for _, u := range a.in.UseCases {
		if u.Load != load {
			continue
		}
		wanted = append(wanted, u.Objective)
		for _, k := range u.SubjectTo {
			wanted = append(wanted, k.Metric)
		}
	}
	for _, m := range wanted {
		if p, err := metric.Parse(m); err == nil && p.Unit == metric.Seconds && usual(cells, m) != "" {
			return m
		}
	}
	return usual(cells, "e2e_p95", "e2e_p50")
}

// usual returns the first of the metrics that more than half of the cells
// have an estimate of, or "".
func usual(cells []Cell, names ...string) string {
	for _, m := range names {
		n := 0
		for _, c := range cells {
			if _, ok := c.Estimates[m]; ok {
				n++
			}
		}
		if 2*n > len(cells) {
			return m
		}
	}
	return ""
}

// frontier keeps the cells that no other beats: another cell with x no higher
// and y no lower, and one of the two better. Equal cells stay together.
func frontier(load, x, y string, cells []Cell) Frontier {
	f := Frontier{Load: load, X: x, Y: y, Method: frontierMethod}
	var points []stats.Point
	var ids []string
	for _, c := range cells {
		var missing []notice.Notice
		if c.unranked(x, y) {
			missing = append(missing, notice.New("not-ranked", c.lengthArgs()).On(notice.Result, c.ID))
		}
		for _, m := range []string{x, y} {
			if _, ok := c.Estimates[m]; !ok {
				missing = append(missing, noEstimate(c, m))
			}
		}
		if len(missing) > 0 {
			if f.Skipped == nil {
				f.Skipped = map[string][]notice.Notice{}
			}
			f.Skipped[c.ID] = missing
			continue
		}
		points = append(points, stats.Point{X: c.Estimates[x].Center, Y: c.Estimates[y].Center})
		ids = append(ids, c.ID)
	}
	for _, i := range stats.Undominated(points) {
		f.Cells = append(f.Cells, ids[i])
	}
	return f
}
