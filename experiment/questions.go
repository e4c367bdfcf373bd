package experiment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// constraints is a mapping of metrics to limits.
func constraints() value[[]Constraint] {
	limit := typed("string", "number")
	schema := object()
	schema.Type, schema.Types = "", []string{"object", "null"}
	for _, name := range metric.Names() {
		property := *limit
		property.Description = metric.Title(name)
		schema.Properties[name] = &property
	}
	return value[[]Constraint]{schema: schema, read: func(d *decoder, path string, e entry) ([]Constraint, bool) {
		if e.value.kind != mapNode && e.value.kind != nullNode {
			d.expect(path, e, "a mapping of metrics to limits").Help = "for example {ttft_p95: 500ms}"
			return nil, false
		}
		var out []Constraint
		for _, child := range e.value.entries {
			m, ok := d.metric(child.key.at, child.name)
			if !ok {
				continue
			}
			if c, ok := d.limit(path, m, child); ok {
				out = append(out, c)
			}
		}
		return out, true
	}}
}

// metric resolves the name of a metric.
func (d *decoder) metric(at Range, name string) (metric.Metric, bool) {
	m, err := metric.Parse(name)
	if err == nil {
		return m, true
	}
	var same []string
	for _, n := range metric.Names() {
		if strings.HasPrefix(n, name+"_") && !strings.HasPrefix(n, name+"_sent") {
			same = append(same, n)
		}
	}
	if _, err := metric.Parse(name + "_mean"); err == nil {
		d.fail(at, "add a statistic: "+list(same), "metric %q needs a statistic", name)
		return m, false
	}
	diag := d.fail(at, "no such metric", "unknown metric %q", name)
	if near, ok := nearest(name, metric.Names()); ok {
		diag.Label = fmt.Sprintf("did you mean %q?", near)
	} else {
		diag.Help = "latencies are ttft, tpot, itl and e2e with _mean or _p50 to _p99.9; rates are request_throughput, output_throughput, total_throughput, goodput and error_rate"
	}
	return m, false
}

// limit reads one limit: 500ms, 4, 1%, "<= 500ms" or ">= 4".
func (d *decoder) limit(path string, m metric.Metric, e entry) (Constraint, bool) {
	c := Constraint{Metric: m.Name, Op: AtMost}
	if m.Better == metric.Higher {
		c.Op = AtLeast
	}
	natural := c.Op
	amount := strings.TrimSpace(e.value.text)
	for _, op := range []Op{AtMost, AtLeast} {
		if rest, ok := strings.CutPrefix(amount, string(op)); ok {
			c.Op, amount = op, strings.TrimSpace(rest)
		}
	}
	path = join(path, m.Name)
	v, ok := amountOf(m, amount)
	if !e.value.scalar() || !ok {
		diag := d.expect(path, e, limitForm(m))
		if e.value.scalar() {
			diag.Label += fixLimit(m, amount)
		}
		return c, false
	}
	if c.Op != natural {
		worse := "higher"
		if m.Better == metric.Higher {
			worse = "lower"
		}
		d.warn(e.place(), "limits the wrong side", "%s %s: this metric gets worse as it gets %s", m.Name, c.Op, worse)
	}
	c.Value = v
	return c, true
}

// amountOf reads an amount in the metric's unit as its base unit.
func amountOf(m metric.Metric, text string) (float64, bool) {
	switch m.Unit {
	case metric.Seconds:
		v, err := time.ParseDuration(text)
		return v.Seconds(), err == nil && v > 0
	case metric.Fraction:
		v, err := percentage(&node{text: text})
		return v, err == nil
	default:
		v, ok := decimal(&node{kind: floatNode, text: text})
		return v, ok && v > 0
	}
}

func limitForm(m metric.Metric) string {
	switch m.Unit {
	case metric.Seconds:
		return `a duration such as 500ms, or "<= 500ms"`
	case metric.Fraction:
		return "a fraction such as 1% or 0.01"
	default:
		return fmt.Sprintf(`a number in %s such as 4, or ">= 4"`, m.Unit)
	}
}

// fixLimit is the end of a label that suggests what was meant.
func fixLimit(m metric.Metric, amount string) string {
	switch fields := loose.FindStringSubmatch(amount); {
	case strings.HasPrefix(amount, "<") || strings.HasPrefix(amount, ">") || strings.HasPrefix(amount, "="):
		return ": use <= or >="
	case m.Unit == metric.Seconds:
		if _, err := strconv.ParseFloat(amount, 64); err == nil {
			return ": add the unit, ms or s"
		}
		if fixed, ok := fixDuration(amount); ok {
			return ": did you mean " + fixed + "?"
		}
	case m.Unit != metric.Fraction && fields != nil && fields[2] != "":
		return ": write " + fields[1] + " without a unit"
	}
	return ""
}

// useCases is a mapping of names to use cases.
func useCases() value[[]UseCase] {
	return named(useCaseSection(), "use cases", func(u *UseCase) *string { return &u.Name })
}

func useCaseSection() section[UseCase] {
	return section[UseCase]{
		oneOf: []string{"maximize", "minimize"},
		fields: []field[UseCase]{
			objective("maximize", "Metric to maximize.", metric.Higher),
			objective("minimize", "Metric to minimize.", metric.Lower),
			must(bind("load", "Load of the use case.", text("the name of a load"), func(u *UseCase) *string { return &u.Load })),
			bind("subject_to", "Limits of this use case. Those of slo apply, too, except to metrics that are limited here.", constraints(),
				func(u *UseCase) *[]Constraint { return &u.SubjectTo }),
		},
	}
}

// objective is maximize or minimize.
func objective(name, doc string, good metric.Direction) field[UseCase] {
	v := text("the name of a metric")
	schema := enum(metric.Names())
	return field[UseCase]{name: name, doc: doc, schema: schema, read: func(d *decoder, path string, e entry, u *UseCase) {
		word, ok := v.read(d, path, e)
		if !ok {
			return
		}
		m, ok := d.metric(e.place(), word)
		if !ok {
			return
		}
		u.Objective, u.Maximize = m.Name, name == "maximize"
		if m.Better != good {
			other := map[string]string{"maximize": "minimize", "minimize": "maximize"}[name]
			d.warn(e.key.at, fmt.Sprintf("did you mean %q?", other), "%s: %s is better the other way around", path, m.Name)
		}
	}}
}
