package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Condition keeps the cells for which a comparison holds.
type Condition struct {
	Name, Op, Value string
	number          float64 // Value as a number; NaN: it is none
	kind            int
}

// What a condition compares.
const (
	onText   = iota // load, point, label
	onFlag          // a server flag
	onMetric        // an estimate
)

// operators, the longer first.
func operators() []string { return []string{"!=", "<=", ">=", "=", "<", ">", "~"} }

// ParseWhere reads conditions joined by "and" or commas, all of which must
// hold: "load=chat and max-num-seqs>=64 and ttft_p95<500ms". Names are load,
// point, label, a flag of the plan or a metric; "~" means "contains".
func ParseWhere(expr string, plan *matrix.Plan) ([]Condition, error) {
	var out []Condition
	for _, part := range strings.Split(strings.ReplaceAll(expr, " and ", ","), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil, fmt.Errorf("--where %q: an empty condition", expr)
		}
		c, err := parseCondition(part, plan)
		if err != nil {
			return nil, fmt.Errorf("--where %q: %w", expr, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func parseCondition(text string, plan *matrix.Plan) (Condition, error) {
	at, op := -1, ""
	for _, o := range operators() {
		if i := strings.Index(text, o); i >= 0 && (at < 0 || i < at) {
			at, op = i, o
		}
	}
	if at < 1 {
		return Condition{}, fmt.Errorf("%q: want NAME OP VALUE with one of %s", text, strings.Join(operators(), " "))
	}
	c := Condition{Name: strings.TrimSpace(text[:at]), Op: op, Value: strings.TrimSpace(text[at+len(op):])}
	c.number = numberOf(c.Value)
	flags := flagNames(plan)
	_, metricErr := metric.Parse(c.Name)
	switch {
	case slices.Contains([]string{"load", "point", "label"}, c.Name):
		c.kind = onText
	case slices.Contains(flags, c.Name):
		c.kind = onFlag
	case metricErr == nil:
		c.kind = onMetric
		if math.IsNaN(c.number) {
			return c, fmt.Errorf("%q: want a number or duration, not %q", text, c.Value)
		}
	default:
		return c, fmt.Errorf("unknown name %q: want load, point, label, a metric, or a flag of the plan (%s)", c.Name, strings.Join(flags, ", "))
	}
	if strings.ContainsAny(op, "<>") && c.kind == onText {
		return c, fmt.Errorf("%q: %s is text, which %s cannot compare", text, c.Name, op)
	}
	return c, nil
}

// flagNames are the flags that some configuration of the plan sets.
func flagNames(plan *matrix.Plan) []string {
	var out []string
	for _, c := range plan.Configurations {
		for _, f := range slices.Concat(c.Flags, c.Changed) {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// numberOf reads a number, a duration in seconds, or a size as vLLM writes
// it: 32k is 32,000, 32K is 32,768.
func numberOf(text string) float64 {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d.Seconds()
	}
	if n := len(text); n > 1 {
		factor := map[byte]float64{'k': 1e3, 'K': 1 << 10, 'm': 1e6, 'M': 1 << 20, '%': 0.01}[text[n-1]]
		if v, err := strconv.ParseFloat(text[:n-1], 64); err == nil && factor > 0 {
			return v * factor
		}
	}
	return math.NaN()
}

// holds reports whether a cell satisfies the condition.
func (c Condition) holds(conf matrix.Configuration, cell analysis.Cell) bool {
	switch {
	case c.kind == onMetric:
		e, ok := cell.Estimates[c.Name]
		return ok && c.compare("", e.Center)
	case c.kind == onFlag:
		for _, f := range slices.Concat(conf.Flags, conf.Changed) {
			if f.Name == c.Name {
				return c.compare(f.Value, numberOf(f.Value))
			}
		}
		return c.Op == "!="
	case c.Name == "load":
		return c.compare(cell.Load, math.NaN())
	case c.Name == "point":
		return c.compare(cell.PointLabel, math.NaN())
	}
	return c.compare(cell.Label, math.NaN())
}

func (c Condition) compare(text string, v float64) bool {
	numbers := !math.IsNaN(c.number) && !math.IsNaN(v)
	switch c.Op {
	case "=":
		return text == c.Value || numbers && v == c.number
	case "!=":
		return text != c.Value && !(numbers && v == c.number)
	case "~":
		return strings.Contains(text, c.Value)
	case "<":
		return numbers && v < c.number
	case "<=":
		return numbers && v <= c.number
	case ">":
		return numbers && v > c.number
	}
	return numbers && v >= c.number
}

// Where keeps what satisfies all conditions, and the baseline's configuration,
// without which nothing could be compared. Findings are not computed anew: a
// frontier keeps those of its cells that are left.
func (in Input) Where(conditions []Condition) Input {
	if len(conditions) == 0 || in.Plan == nil || in.Findings == nil {
		return in
	}
	plan, findings := *in.Plan, *in.Findings
	if in.whole == nil { // what is left looks as in the figures of the whole run
		in.whole = in.Plan
	}
	cells, configurations, points := map[string]bool{}, map[string]bool{}, map[string]bool{}
	findings.Cells = nil
	for _, c := range in.Findings.Cells {
		conf, _ := in.Plan.Configuration(c.Configuration)
		keep := true
		for _, q := range conditions {
			// The baseline answers for its place and its values, not for its
			// flags: without it nothing could be compared.
			keep = keep && (q.holds(conf, c) || c.Baseline && (q.kind == onFlag || q.Name == "label"))
		}
		if keep {
			findings.Cells = append(findings.Cells, c)
			cells[c.ID], configurations[c.Configuration], points[c.LoadPoint] = true, true, true
		}
	}
	plan.Configurations = kept(plan.Configurations, func(c matrix.Configuration) bool { return configurations[c.ID] })
	plan.LoadPoints = kept(plan.LoadPoints, func(l matrix.LoadPoint) bool { return points[l.ID] })
	plan.Cells = kept(plan.Cells, func(c matrix.Cell) bool { return cells[c.ID] })
	findings.Effects = kept(findings.Effects, func(e analysis.Effect) bool { return configurations[e.Configuration] && points[e.LoadPoint] })
	findings.Failures = kept(findings.Failures, func(f analysis.Failure) bool { return configurations[f.Configuration] })
	findings.Recommendations = kept(findings.Recommendations, func(r analysis.Recommendation) bool { return cells[r.Cell] })
	findings.Frontiers = slices.Clone(findings.Frontiers)
	for i, f := range findings.Frontiers {
		findings.Frontiers[i].Cells = kept(f.Cells, func(id string) bool { return cells[id] })
	}
	in.Trials = kept(in.Trials, func(t rundir.Trial) bool { return cells[t.Cell] })
	in.Starts = kept(in.Starts, func(s rundir.Start) bool { return configurations[s.Configuration] })
	in.Plan, in.Findings = &plan, &findings
	return in
}

func kept[T any](all []T, keep func(T) bool) []T {
	var out []T
	for _, v := range all {
		if keep(v) {
			out = append(out, v)
		}
	}
	return out
}
