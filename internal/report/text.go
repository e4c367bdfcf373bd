package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
)

const minus = "\u2212"

// intervalText is "1,990 – 2,120 tok/s", with the unit once where both ends share it.
func intervalText(name string, lo, hi float64) string {
	a, b := metric.Format(name, lo), metric.Format(name, hi)
	if i := strings.LastIndexByte(a, ' '); i > 0 && strings.HasSuffix(b, a[i:]) {
		a = a[:i]
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

// change renders a ratio as a signed change, "+12.3 %" or "−18 %", and as a
// factor from 3 on, where percentages stop being readable.
func change(ratio float64) string {
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0):
		return "n/a"
	case ratio >= 3:
		return "×" + bare(ratio)
	case math.Abs(ratio-1) < 0.0005: // would print as a change of 0.0 %
		return "±0 %"
	case ratio < 1:
		return minus + metric.FormatUnit(metric.Fraction, roundTenth(1-ratio))
	default:
		return "+" + metric.FormatUnit(metric.Fraction, roundTenth(ratio-1))
	}
}

// roundTenth rounds a fraction to a tenth of a percent: more would claim a
// precision that a ratio of a few trials does not have.
func roundTenth(f float64) float64 { return math.Round(f*1000) / 1000 }

// changeInterval is the interval of a ratio as changes, or "".
func changeInterval(r analysis.Ratio) string {
	if !r.HasInterval() {
		return ""
	}
	return change(r.Lo) + " to " + change(r.Hi)
}

// constraintText is "ttft_p95 ≤ 500 ms".
func constraintText(name string, op experiment.Op, limit float64) string {
	sign := "≤"
	if op == experiment.AtLeast {
		sign = "≥"
	}
	return name + " " + sign + " " + metric.Format(name, limit)
}

// span renders a duration for people: "1.2 s", "4m 10s", "7h 05m".
func span(d time.Duration) string {
	if d >= time.Minute {
		d = d.Round(time.Second)
	}
	switch {
	case d <= 0:
		return "–"
	case d < time.Minute:
		return metric.FormatUnit(metric.Seconds, d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// bare renders a number without a unit, to three significant digits.
func bare(v float64) string {
	return strings.TrimSuffix(metric.FormatUnit(metric.Requests, v), " "+string(metric.Requests))
}

// gibibytes renders a size of memory.
func gibibytes(n float64) string { return bare(n/(1<<30)) + " GiB" }

// count is "1 trial", "3 trials".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// stamp is a point in time with its own zone, as it was recorded.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

// oneLine folds white space, and cuts what no table can hold.
func oneLine(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}
