package experiment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
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
			d.expectLike(path, e, "a mapping of metrics to limits", "{ttft_p95: 500ms}")
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
		d.fail("metric-without-statistic", at, args{"metric": name, "known": notice.Choice(same...)})
		return m, false
	}
	a := args{"metric": name}
	if near, ok := wording.Nearest(name, metric.Names()); ok {
		a["near"] = near
	} else {
		a["latencies"] = notice.List("ttft", "tpot", "itl", "e2e")
		a["rates"] = notice.List("request_throughput", "output_throughput", "total_throughput", "goodput", "error_rate")
	}
	d.fail("unknown-metric", at, a)
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
		a := args{"path": path, "want": limitForm(m), "found": e.value.found()}
		if e.value.scalar() {
			fixLimit(a, m, amount)
		}
		d.fail("limit-wrong", e.place(), a)
		return c, false
	}
	if c.Op != natural {
		worse := "higher"
		if m.Better == metric.Higher {
			worse = "lower"
		}
		d.warn("limit-wrong-side", e.place(), args{"metric": m.Name, "op": c.Op, "worse": worse})
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

// fixLimit adds what was meant.
func fixLimit(a args, m metric.Metric, amount string) {
	switch fields := loose.FindStringSubmatch(amount); {
	case strings.HasPrefix(amount, "<") || strings.HasPrefix(amount, ">") || strings.HasPrefix(amount, "="):
		a["operators"] = notice.Choice(string(AtMost), string(AtLeast))
	case m.Unit == metric.Seconds:
		if _, err := strconv.ParseFloat(amount, 64); err == nil {
			a["units"] = notice.Choice("ms", "s")
		} else if fixed, ok := fixDuration(amount); ok {
			a["near"] = fixed
		}
	case m.Unit != metric.Fraction && fields != nil && fields[2] != "":
		a["bare"] = fields[1]
	}
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
			d.warn("objective-direction", e.key.at, args{"path": path, "metric": m.Name, "other": other})
		}
	}}
}
