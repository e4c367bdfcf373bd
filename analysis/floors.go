package analysis

import (
	"fmt"
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// warnFloors names, for each load, the lowest percentile that some trial had
// too few requests for, as far as p99: hardly any window supports p99.9.
func (a *analyser) warnFloors(w *[]string) {
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
			*w = append(*w, fmt.Sprintf("load %s: %s and above need more requests than the %sgave", load, name, windows(short, long)))
		}
	}
}

// windows is "2 s windows " or "2 s to 5 s windows ", for lengths in seconds.
func windows(short, long float64) string {
	lo, hi := say.Seconds(math.Round(short)), say.Seconds(math.Round(long))
	switch {
	case long < 0.5:
		return "windows "
	case lo == hi:
		return hi + " windows "
	}
	return lo + " to " + hi + " windows "
}
