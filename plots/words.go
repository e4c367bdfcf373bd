package plots

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// Lengths of labels in characters.
const (
	maxValue      = 14 // of one flag's value
	maxLabel      = 34 // of one configuration
	maxTitleLabel = 90 // of one configuration in a title
)

// shortLabels are labels of configurations short enough for a picture, and
// different from each other.
func shortLabels(configs []matrix.Configuration) []string {
	out, seen := make([]string, len(configs)), map[string]int{}
	for i, c := range configs {
		s := shortLabel(c)
		if seen[s]++; seen[s] > 1 {
			s = fmt.Sprintf("%s (%d)", s, seen[s])
		}
		out[i] = s
	}
	return out
}

// shortLabel names the flags that differ; several that are together too long
// get abbreviated names (see abbreviations).
func shortLabel(c matrix.Configuration) string {
	if c.Baseline {
		return "baseline"
	}
	if len(c.Changed) == 0 {
		return say.Clip(c.Label, maxLabel)
	}
	full := joinFlags(c.Changed, ", ", func(f experiment.Flag) string { return say.Clip(f.Name, maxLabel-6) })
	if len(c.Changed) == 1 || len([]rune(full)) <= maxLabel {
		return full
	}
	return say.Clip(joinFlags(c.Changed, " ", func(f experiment.Flag) string { return initials(f.Name) }), maxLabel+8)
}

func joinFlags(flags experiment.Flags, separator string, name func(experiment.Flag) string) string {
	parts := make([]string, len(flags))
	for i, f := range flags {
		parts[i] = name(f) + "=" + shortValue(f)
	}
	return strings.Join(parts, separator)
}

// initials is a flag's name by the first letters of its words: "mns".
func initials(name string) string {
	out := ""
	for _, w := range strings.Split(name, "-") {
		if w != "" {
			out += w[:1]
		}
	}
	return out
}

// abbreviations explains the initials that short labels use; "" when none does.
func abbreviations(configs []matrix.Configuration) string {
	var out []string
	for _, c := range configs {
		full := joinFlags(c.Changed, ", ", func(f experiment.Flag) string { return f.Name })
		if len(c.Changed) < 2 || shortLabel(c) == full {
			continue
		}
		for _, f := range c.Changed {
			if part := initials(f.Name) + " = " + f.Name; !slices.Contains(out, part) {
				out = append(out, part)
			}
		}
	}
	return strings.Join(out, ", ")
}

// keyNotes is the explanation of initials as remarks of a caption.
func keyNotes(in Input) []string {
	if key := abbreviations(in.Plan.Configurations); key != "" {
		return []string{key}
	}
	return nil
}

// titleLabel is a label for a title, with whole names as long as they fit.
func titleLabel(c matrix.Configuration) string {
	full := joinFlags(c.Changed, ", ", func(f experiment.Flag) string { return f.Name })
	if len(c.Changed) > 0 && len([]rune(full)) <= maxTitleLabel {
		return full
	}
	return shortLabel(c)
}

// shortLabelOf is the short label of a configuration as the figures of this
// run print it.
func shortLabelOf(in Input, id string) string {
	for i, c := range in.Plan.Configurations {
		if c.ID == id {
			return shortLabels(in.Plan.Configurations)[i]
		}
	}
	return id
}

// shortValue is a flag's value, short: JSON becomes {…} or […], a path its end.
func shortValue(f experiment.Flag) string {
	v := strings.TrimSpace(f.Value)
	switch {
	case f.Kind == experiment.FlagUnset:
		return "default"
	case strings.HasPrefix(v, "{"):
		return "{…}"
	case strings.HasPrefix(v, "["):
		return "[…]"
	case strings.Contains(v, "/"): // a model or a path: its end tells it apart
		return say.Clip(v[strings.LastIndexByte(v, '/')+1:], maxValue)
	}
	return say.Clip(v, maxValue)
}

// valueLabel is a configuration's label where its parameter is already named.
func valueLabel(c matrix.Configuration, short string) string {
	if _, v, ok := strings.Cut(short, "="); ok && len(c.Changed) == 1 {
		return v
	}
	return short
}

// pointName is a load point within its load: "c=16", "5/s".
func pointName(lp matrix.LoadPoint) string {
	switch lp.Kind {
	case experiment.Concurrency:
		return "c=" + draw.Number(lp.Value)
	case experiment.Constant, experiment.Poisson:
		return draw.Number(lp.Value) + "/s"
	case experiment.Throughput:
		return "cap " + draw.Number(lp.Value)
	}
	return strings.TrimSpace(strings.TrimPrefix(lp.Label, lp.Load))
}

// pointNumber is the small number at a point.
func pointNumber(lp matrix.LoadPoint) string {
	if lp.Kind == experiment.Sweep {
		return draw.Number(draw.Tidy(100*lp.Value)) + "%"
	}
	return draw.Number(lp.Value)
}

// numbersMean says what the small numbers are.
func numbersMean(kind experiment.ArrivalKind) string {
	switch kind {
	case experiment.Concurrency:
		return "concurrent requests"
	case experiment.Throughput:
		return "cap on concurrent requests"
	case experiment.Sweep:
		return "load from synchronous (0%) to saturated (100%)"
	}
	if kind == experiment.Ramp {
		return "requests/s at the end of the ramp"
	}
	if kind == experiment.TraceReplay {
		return "speed of the trace"
	}
	return "offered requests/s"
}

// capital makes the first letter a capital.
func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// slugs makes file names from load names, different for different loads.
type slugs map[string]bool

func (s slugs) of(name string) string {
	slug := slugOf(name)
	for base, i := slug, 2; s[slug]; i++ {
		slug = fmt.Sprintf("%s-%d", base, i)
	}
	s[slug] = true
	return slug
}

func slugOf(name string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)), r == '_', r == '-', r == '.':
			return r
		}
		return '-'
	}, name)
	if out = strings.Trim(out, "-."); out == "" {
		return "load"
	}
	return out
}

// logRemark says of an axis that it is logarithmic.
func logRemark(s draw.Scale) string {
	if s.Log {
		return "log scale"
	}
	return ""
}

// unitOf is the unit of a metric; empty: it is unknown.
func unitOf(name string) metric.Unit {
	m, err := metric.Parse(name)
	if err != nil {
		return ""
	}
	return m.Unit
}
