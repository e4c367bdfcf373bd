package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// intervalText is "1,990 – 2,120 tok/s", with the unit once where both ends share it.
func intervalText(name string, lo, hi float64) string {
	a, b := say.Metric(name, lo), say.Metric(name, hi)
	if i := strings.LastIndexByte(a, ' '); i > 0 && strings.HasSuffix(b, a[i:]) {
		a = a[:i]
	} else if strings.HasSuffix(b, "%") {
		a = strings.TrimSuffix(a, "%")
	}
	return a + " – " + b
}

// estimateDoubt says what the interval of an estimate is, or why there is none.
func estimateDoubt(name string, e analysis.Estimate) string {
	switch {
	case !e.HasInterval() && e.N == 1:
		return "n=1, no interval"
	case !e.HasInterval():
		return fmt.Sprintf("n=%d, no interval", e.N)
	case e.Method == analysis.MethodRange:
		return "range " + intervalText(name, e.Lo, e.Hi)
	default:
		return intervalText(name, e.Lo, e.Hi)
	}
}

// change renders a ratio as a signed change, with a minus sign.
func change(ratio float64) string { return say.Typographic(say.Change(ratio)) }

// changeInterval is the interval of a ratio as changes, or "".
func changeInterval(r analysis.Ratio) string {
	if !r.HasInterval() {
		return ""
	}
	return change(r.Lo) + " to " + change(r.Hi)
}

// constraintText is "TTFT p95 ≤ 500 ms".
func constraintText(name string, op experiment.Op, limit float64) string {
	sign := "≤"
	if op == experiment.AtLeast {
		sign = "≥"
	}
	return metric.Short(name) + " " + sign + " " + say.Metric(name, limit)
}

// span renders a duration, and a dash for none.
func span(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return say.Duration(d)
}

// stamp is a point in time with its own zone, as it was recorded.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

// shorts are metrics as people read them.
func shorts(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, metric.Short(n))
	}
	return out
}
