package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// warnFloors names, for each load, the lowest percentile that some trial had
// too few requests for, as far as p99: hardly any window supports p99.9.
func (a *analyser) warnFloors(w *[]notice.Notice) {
	var loads []string
	for _, p := range a.in.Plan.LoadPoints {
		if !slices.Contains(loads, p.Load) {
			loads = append(loads, p.Load)
		}
	}
	for _, load := range loads {
		lowest, short, long := math.Inf(1), math.Inf(1), 0.0
		name := ""
		for i, c := range a.findings.Cells {
			if c.Load != load {
				continue
			}
			for _, t := range a.trials[i] {
				short, long = math.Min(short, t.Window), math.Max(long, t.Window)
				for _, stat := range metric.Stats() {
					p, ok := metric.Quantile(stat)
					if _, short := t.TooFew[stat]; ok && short && p < lowest {
						lowest, name = p, stat
					}
				}
			}
		}
		if name != "" && lowest <= 0.99 {
			args := notice.Args{"load": notice.Text(load), "percentile": notice.Text(name)}
			switch short, long = math.Round(short), math.Round(long); {
			case long == 0:
			case short == long:
				args["window"] = notice.Seconds(long)
			default:
				args["short"], args["long"] = notice.Seconds(short), notice.Seconds(long)
			}
			*w = append(*w, notice.New("percentiles-short", args))
		}
	}
}
