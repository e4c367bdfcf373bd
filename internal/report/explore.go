package report

import (
	"slices"
	"strconv"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
)

// exploration is the data of the interactive frontier. It is written into the
// page as JSON; names are short because there are many.
type exploration struct {
	Metrics  []exploreMetric  `json:"metrics"`
	Cells    []exploreCell    `json:"cells"`
	UseCases []exploreUseCase `json:"useCases"`
	Loads    []exploreLoad    `json:"loads"`
}

type exploreMetric struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Unit   string `json:"unit"`
	Higher bool   `json:"higher,omitempty"` // is better
}

type exploreLoad struct {
	Name string `json:"name"`
	X    string `json:"x"` // metrics to begin with
	Y    string `json:"y"`
}

// exploreCell is a measured cell. Values are in the order of Metrics.
type exploreCell struct {
	ID       string      `json:"id"`
	Label    string      `json:"label"`
	Point    string      `json:"point"`
	Load     string      `json:"load"`
	Baseline bool        `json:"base,omitempty"`
	SLO      *bool       `json:"slo,omitempty"`
	Unlike   string      `json:"unlike,omitempty"` // not ranked: how its answers or prompts differ in length
	Best     []string    `json:"best,omitempty"`   // use cases that it is recommended for
	Flags    string      `json:"flags"`
	Values   [][]float64 `json:"v"` // centre, lo, hi (equal: no interval), then the trials'; empty: no estimate
}

type exploreUseCase struct {
	Name        string              `json:"name"`
	Objective   string              `json:"objective"`
	Maximize    bool                `json:"max,omitempty"`
	Load        string              `json:"load"`
	Constraints []exploreConstraint `json:"constraints"`
	Cell        string              `json:"cell,omitempty"`
	Ties        int                 `json:"ties,omitempty"`
	Confirmed   bool                `json:"confirmed,omitempty"`
}

type exploreConstraint struct {
	Metric string  `json:"metric"`
	AtMost bool    `json:"atMost,omitempty"`
	Limit  float64 `json:"limit"`
}

// exploration gathers the data, nil when no cell was measured.
func (b *build) exploration() *exploration {
	x := &exploration{Cells: []exploreCell{}, UseCases: []exploreUseCase{}}
	names := slices.Clone(b.metrics)
	for _, f := range b.Findings.Frontiers {
		for _, m := range []string{f.X, f.Y} {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	for _, name := range names {
		m, err := metric.Parse(name)
		if err != nil {
			continue
		}
		x.Metrics = append(x.Metrics, exploreMetric{
			name, metric.Short(name), string(m.Unit), m.Better == metric.Higher,
		})
	}
	for _, c := range b.Findings.Cells {
		if len(c.Estimates) == 0 {
			continue
		}
		e := exploreCell{ID: c.ID, Label: c.Label, Point: c.PointLabel, Load: c.Load, Baseline: c.Baseline, SLO: c.MeetsSLO, Unlike: c.LengthGap.String(), Best: b.recommended[c.ID]}
		if conf, ok := b.Plan.Configuration(c.Configuration); ok {
			e.Flags = b.Plan.CommandLine(conf.Flags)
		}
		for _, m := range x.Metrics {
			e.Values = append(e.Values, exploreValues(c, m.Name))
		}
		x.Cells = append(x.Cells, e)
		if !slices.ContainsFunc(x.Loads, func(l exploreLoad) bool { return l.Name == c.Load }) {
			x.Loads = append(x.Loads, b.exploreLoad(c.Load))
		}
	}
	if len(x.Cells) == 0 || len(x.Metrics) < 2 {
		return nil
	}
	for _, r := range b.Findings.Recommendations {
		u := exploreUseCase{Name: r.UseCase, Objective: r.Objective, Maximize: r.Maximize, Load: r.Load, Cell: r.Cell, Ties: len(r.Ties), Confirmed: r.Confirmed, Constraints: []exploreConstraint{}}
		for _, c := range r.Constraints {
			u.Constraints = append(u.Constraints, exploreConstraint{c.Metric, c.Op == "<=", c.Limit})
		}
		x.UseCases = append(x.UseCases, u)
	}
	return x
}

func (b *build) exploreLoad(name string) exploreLoad {
	l := exploreLoad{Name: name, X: "e2e_p50", Y: "output_throughput"}
	for _, f := range b.Findings.Frontiers {
		if f.Load == name {
			return exploreLoad{name, f.X, f.Y}
		}
	}
	return l
}

func exploreValues(c analysis.Cell, name string) []float64 {
	e, ok := c.Estimates[name]
	if !ok {
		return []float64{}
	}
	out := []float64{five(e.Center), five(e.Center), five(e.Center)}
	if e.HasInterval() {
		out[1], out[2] = five(e.Lo), five(e.Hi)
	}
	for _, v := range e.Values {
		out = append(out, five(v.Value))
	}
	return out
}

// five keeps five significant digits, more than the page ever prints.
func five(v float64) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	if err != nil {
		return v
	}
	return f
}
