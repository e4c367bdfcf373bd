package matrix

import (
	"fmt"
	"math"
	"strings"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Detectable is the smallest difference from the baseline that the plan finds
// with a power of 80%, for metrics of one kind.
type Detectable struct {
	Metrics string  `json:"metrics"`   // which, in words
	SD      float64 `json:"sd"`        // assumed standard deviation of one trial, as a share
	Alone   float64 `json:"alone"`     // smallest ratio less 1, one comparison
	All     float64 `json:"corrected"` // corrected for all comparisons of a metric
}

// assumedSpreads between trials, from repeated runs that others published:
// medians and throughput 2 to 3%, p95 about 5%, p99 10 to 20% (vLLM pull
// request 7062: p99 TTFT of three identical runs 533, 741, 597 ms).
func assumedSpreads() []Detectable {
	return []Detectable{
		{Metrics: "throughput and medians", SD: 0.025},
		{Metrics: "p90 and p95", SD: 0.05},
		{Metrics: "p99", SD: 0.15},
	}
}

// detectable fills in the figures; nil where no comparison is tested.
func (p *Plan) detectable() []Detectable {
	df := float64((len(p.Configurations) - 1) * (p.Blocks - 1))
	if df < 2 || p.Order == experiment.Sequential {
		return nil
	}
	comparisons := (len(p.Configurations) - 1) * len(p.LoadPoints)
	out := assumedSpreads()
	for i := range out {
		d := &out[i]
		d.Alone = stats.Detectable(d.SD, p.Blocks, df, 1)
		d.All = stats.Detectable(d.SD, p.Blocks, df, comparisons)
	}
	return out
}

func (p *Plan) writeDetectable(b *strings.Builder) {
	if len(p.Detectable) == 0 {
		return
	}
	comparisons := (len(p.Configurations) - 1) * len(p.LoadPoints)
	fmt.Fprintf(b, "\nSmallest detectable differences from the baseline (80%% power, %s)\n", say.Count(p.Blocks, "round"))
	for _, d := range p.Detectable {
		fmt.Fprintf(b, "  %-22s  %s among %s (%s uncorrected) at a trial-to-trial spread of %.3g%%\n",
			d.Metrics, percentOf(d.All), say.Count(comparisons, "comparison"), percentOf(d.Alone), 100*d.SD)
	}
}

func percentOf(x float64) string {
	if x > 9.99 {
		return "over 1,000%"
	}
	return fmt.Sprintf("%.*f%%", map[bool]int{true: 1, false: 0}[100*x < 9.95], 100*math.Max(x, 0))
}
