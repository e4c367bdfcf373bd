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
		out = append(out, point(v, 0, pointLabel(a.Kind, v)))
	}
	return out
}

func pointLabel(kind experiment.ArrivalKind, v float64) string {
	value := strconv.FormatFloat(v, 'f', -1, 64)
	switch kind {
	case experiment.Concurrency:
		return "c=" + value
	case experiment.Throughput:
		return "throughput c<=" + value
	default:
		return string(kind) + " " + value + "/s"
	}
}
