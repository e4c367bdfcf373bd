package plots

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
)

// cellRecords are the rows of cells with two metrics, header first.
func cellRecords(in Input, points []point, x, y string, frontier []string) [][]string {
	header := []string{"cell", "configuration", "label", "load_point", "point", "trials", "baseline", "on_frontier", "meets_slo", "recommended_for"}
	for _, m := range []string{x, y} {
		header = append(header, m, m+"_lo", m+"_hi", m+"_n")
	}
	out := [][]string{header}
	for _, q := range points {
		row := []string{
			q.cell.ID, q.cell.Configuration, q.cell.Label, q.load.ID, q.load.Label, strconv.Itoa(q.cell.Trials),
			strconv.FormatBool(q.cell.Baseline), strconv.FormatBool(slices.Contains(frontier, q.cell.ID)),
			optional(q.cell.MeetsSLO), recommendedFor(in, q.cell.ID),
		}
		out = append(out, append(append(row, estimateFields(q.x)...), estimateFields(q.y)...))
	}
	return out
}

func recommendedFor(in Input, cell string) string {
	var out []string
	for _, r := range in.Findings.Recommendations {
		if r.Cell == cell {
			out = append(out, r.UseCase)
		}
	}
	return strings.Join(out, " ")
}

func optional(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// estimateFields are the centre, the interval (empty without one) and n.
func estimateFields(e analysis.Estimate) []string {
	lo, hi := "", ""
	if e.HasInterval() {
		lo, hi = float(e.Lo), float(e.Hi)
	}
	return []string{float(e.Center), lo, hi, strconv.Itoa(e.N)}
}

func float(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// effectRecords are the rows of all effects of a load, at every load point.
func effectRecords(in Input, load string) [][]string {
	out := [][]string{{"parameter", "level", "configuration", "load_point", "point", "metric", "ratio", "ratio_lo", "ratio_hi", "p", "p_adjusted", "verdict", "reason"}}
	for _, e := range in.Findings.Effects {
		lp, ok := in.Plan.LoadPoint(e.LoadPoint)
		if !ok || lp.Load != load {
			continue
		}
		for _, m := range slices.Sorted(maps.Keys(e.Ratios)) {
			r := e.Ratios[m]
			lo, hi := "", ""
			if r.HasInterval() {
				lo, hi = float(r.Lo), float(r.Hi)
			}
			out = append(out, []string{
				e.Parameter, e.Level, e.Configuration, e.LoadPoint, lp.Label, m, float(r.Center), lo, hi,
				tested(r.P), tested(r.PAdjusted), r.Verdict, r.Reason(),
			})
		}
	}
	return out
}

// tested is a p-value, empty for a comparison that was not tested.
func tested(p float64) string {
	if p == 0 {
		return ""
	}
	return float(p)
}

// optionalEstimate is estimateFields, empty where there is no estimate.
func optionalEstimate(c analysis.Cell, m string) []string {
	if e, ok := c.Estimates[m]; ok {
		return estimateFields(e)
	}
	return []string{"", "", "", ""}
}

// withMembership adds to rows of cells the probability of being on the frontier
// in truth, whether the cell is its knee, and the cells that the data do not
// separate from it.
func withMembership(rows [][]string, fr analysis.Frontier) [][]string {
	for i, row := range rows {
		if i == 0 {
			rows[i] = append(row, "frontier_probability", "knee", "ties")
			continue
		}
		probability, ties := "", ""
		for _, m := range fr.Membership {
			if m.Cell == row[0] {
				ties = strings.Join(m.Ties, " ")
				if m.Probability != nil {
					probability = float(*m.Probability)
				}
			}
		}
		rows[i] = append(row, probability, strconv.FormatBool(row[0] == fr.Knee), ties)
	}
	return rows
}

// parameterRecords are the results of the load that change at most two
// parameters, failed ones too.
func parameterRecords(in Input, load string) [][]string {
	names := []string{
		"output_throughput", "request_throughput", "goodput",
		"ttft_p50", "ttft_p95", "tpot_p50", "itl_p99", "e2e_p50", "e2e_p95",
	}
	header := []string{
		"parameter", "level", "other_parameter", "other_level",
		"baseline", "configuration", "load_point", "point", "trials", "why",
	}
	for _, m := range names {
		header = append(header, m, m+"_lo", m+"_hi", m+"_n")
	}
	out := [][]string{header}
	for _, c := range in.Plan.Configurations {
		if len(c.Changed) > 2 || len(c.Changed) == 0 && !c.Baseline {
			continue
		}
		var changes [4]string
		for i, f := range c.Changed {
			changes[2*i], changes[2*i+1] = f.Name, f.Value
		}
		for _, cell := range in.Findings.Cells {
			if cell.Configuration != c.ID || cell.Load != load {
				continue
			}
			why := ""
			if len(cell.Estimates) == 0 {
				why = missingText(in, c)
			}
			row := append(changes[:], strconv.FormatBool(c.Baseline), c.ID, cell.LoadPoint, cell.PointLabel)
			row = append(row, strconv.Itoa(cell.Trials), why)
			for _, m := range names {
				row = append(row, optionalEstimate(cell, m)...)
			}
			out = append(out, row)
		}
	}
	return out
}
