package matrix

import (
	"fmt"
	"strconv"

	"github.com/vllm-sweep/sweep/experiment"
)

// loadPoints are the points of one load, in file order.
func loadPoints(l experiment.Load) []LoadPoint {
	a := l.Arrivals
	point := func(value float64, index int, label string) LoadPoint {
		if a.MaxConcurrency > 0 {
			label += fmt.Sprintf(" cap %d", a.MaxConcurrency)
		}
		if l.Benchmark.Foreign() {
			label += " by " + l.Benchmark.Tool
		}
		return LoadPoint{
			ID: loadPointID(l, value, index), Label: l.Name + " " + label, Load: l.Name,
			Kind: a.Kind, Value: value, MaxConcurrency: a.MaxConcurrency,
		}
	}
	var out []LoadPoint
	if a.Kind == experiment.Sweep {
		// The rates are found at run time, geometrically between the two ends.
		for i := range a.SweepPoints {
			position := float64(i) / float64(a.SweepPoints-1)
			out = append(out, point(position, i, fmt.Sprintf("sweep %d/%d", i+1, a.SweepPoints)))
		}
		return out
	}
	for _, v := range a.Points {
		p := point(v, 0, pointLabel(l, v))
		p.StopWhenSaturated = l.StopWhenSaturated
		out = append(out, p)
	}
	return out
}

func pointLabel(l experiment.Load, v float64) string {
	value := strconv.FormatFloat(v, 'f', -1, 64)
	unit := "/s"
	if l.Sessions != nil {
		unit = " sessions/s"
	}
	switch kind := l.Arrivals.Kind; kind {
	case experiment.Concurrency:
		if l.Sessions != nil {
			return value + " users"
		}
		return "c=" + value
	case experiment.Throughput:
		return "throughput c<=" + value
	case experiment.Ramp:
		return "ramp " + strconv.FormatFloat(l.Arrivals.From, 'f', -1, 64) + " to " + value + unit
	case experiment.TraceReplay:
		return "trace x" + value
	default:
		return string(kind) + " " + value + unit
	}
}
