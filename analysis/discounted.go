package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Discounted is what leaving out the trials that do not count does to one
// metric of one cell: the geometric means with and without them.
type Discounted struct {
	Cell   string `json:"cell"`
	Metric string `json:"metric"`
	// Trials that were measured and do not count, by cause.
	Trials int            `json:"trials"`
	Causes map[string]int `json:"causes,omitempty"`
	// Without is of the trials that count; absent: none does.
	Without *float64 `json:"without,omitempty"`
	With    float64  `json:"with"`
}

// discounted compares results with and without the trials that do not count,
// for the metrics that decide: objectives, limits, and throughput.
func (a *analyser) discounted(trials []rundir.Trial) []Discounted {
	metrics := a.deciding()
	var out []Discounted
	for i, c := range a.findings.Cells {
		var left []rundir.Trial
		causes := map[string]int{}
		for _, t := range trials {
			if t.Cell != c.ID || t.Outcome != rundir.OutcomeInvalid || impossible(t) || len(t.Metrics) == 0 {
				continue
			}
			left = append(left, t)
			for _, cause := range t.Causes {
				causes[cause]++
			}
		}
		if len(left) == 0 {
			continue
		}
		for _, m := range metrics {
			counted := positive(a.trials[i], m)
			all := slices.Concat(counted, positive(left, m))
			if len(all) == len(counted) {
				continue
			}
			d := Discounted{Cell: c.ID, Metric: m, Trials: len(left), Causes: causes, With: geometric(all)}
			if len(counted) > 0 {
				d.Without = new(geometric(counted))
			}
			out = append(out, d)
		}
	}
	return out
}

// deciding lists the metrics that answers depend on.
func (a *analyser) deciding() []string {
	names := []string{"output_throughput"}
	add := func(m string) {
		if !slices.Contains(names, m) {
			names = append(names, m)
		}
	}
	for _, u := range a.in.UseCases {
		add(u.Objective)
		for _, c := range u.SubjectTo {
			add(c.Metric)
		}
	}
	for _, c := range a.in.SLO {
		add(c.Metric)
	}
	return names
}

func positive(trials []rundir.Trial, metric string) []float64 {
	var out []float64
	for _, t := range trials {
		if v := t.Metrics[metric]; v > 0 {
			out = append(out, v)
		}
	}
	return out
}

func geometric(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(v)))
}
