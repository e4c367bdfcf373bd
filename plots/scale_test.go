package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/internal/metric"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		s    scale
		want int
		list string
	}{
		{scale{min: 0, max: 3400}, 6, "0 1000 2000 3000"},
		{scale{min: 0, max: 5}, 6, "0 1 2 3 4 5"},
		{scale{min: 0.92, max: 1.01}, 5, "0.92 0.94 0.96 0.98 1"},
		{scale{min: 0, max: 0.3}, 4, "0 0.1 0.2 0.3"},
		{scale{log: true, min: 0.05, max: 8}, 9, "0.05 0.1 0.2 0.5 1 2 5"},
		{scale{log: true, min: 0.05, max: 80}, 9, "0.1 0.3 1 3 10 30"},
		{scale{log: true, min: 1e-3, max: 1e4}, 9, "0.001 0.01 0.1 1 10 100 1000 10000"},
		{scale{log: true, min: 1e-6, max: 2e14}, 9, "1e-06 0.001 1 1000 1e+06 1e+09 1e+12"},
		{scale{min: 5, max: 5}, 6, ""}, // no range: no ticks, and an end
		{scale{min: 1e12, max: 1e12 + 1e-3}, 6, ""},
		{scale{min: 0, max: math.NaN()}, 6, ""},
		// Shorter than a decade: finer ticks, never fewer than two.
		{scale{log: true, min: 22, max: 95}, 9, "30 40 50 60 70 80 90"},
		{scale{log: true, min: 0.9, max: 3.5}, 9, "0.9 1 1.5 2 3"},
		{scale{log: true, min: 1.1, max: 1.4}, 9, "1.1 1.2 1.3 1.4"},
	} {
		got := strings.Trim(fmt.Sprint(c.s.ticks(c.want)), "[]")
		if got != c.list {
			t.Errorf("ticks(%v..%v, log %v): %s, want %s", c.s.min, c.s.max, c.s.log, got, c.list)
		}
	}
}

// Every axis has at least two ticks, inside it, ascending and not too many.
func TestTicksOfAnyRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(1e-5, 1e5).Draw(t, "lo")
		s := scale{log: rapid.Bool().Draw(t, "log"), min: lo, max: lo * rapid.Float64Range(1.05, 1e5).Draw(t, "factor")}
		want := rapid.IntRange(4, 10).Draw(t, "want")
		ticks := s.ticks(want)
		if len(ticks) < 2 || len(ticks) > max(want, 6)+3 {
			t.Fatalf("%d ticks: %v", len(ticks), ticks)
		}
		if !slices.IsSorted(ticks) || ticks[0] < s.min*(1-1e-6) || ticks[len(ticks)-1] > s.max*(1+1e-6) {
			t.Fatalf("ticks outside %v..%v or unsorted: %v", s.min, s.max, ticks)
		}
	})
}

func TestTickLabels(t *testing.T) {
	for _, c := range []struct {
		unit  metric.Unit
		ticks []float64
		want  string
	}{
		{metric.Seconds, []float64{0.05, 0.1, 0.2}, "50 100 200 [ms]"},
		{metric.Seconds, []float64{0.5, 1, 2, 5}, "0.5 1 2 5 [s]"},
		{metric.Seconds, []float64{0, 0.5, 1}, "0 500 1,000 [ms]"},
		{metric.Seconds, []float64{0.0005, 0.001}, "500 1,000 [µs]"},
		{metric.Seconds, []float64{0.01, 0.1, 1, 10}, "10 ms 100 ms 1 s 10 s []"},
		{metric.Tokens, []float64{0, 1000, 12000}, "0 1,000 12,000 [tok/s]"},
		{metric.Fraction, []float64{0, 0.05, 0.1}, "0 5 10 [%]"},
	} {
		labels, unit := tickLabels(c.unit, c.ticks)
		if got := fmt.Sprintf("%s [%s]", strings.Join(labels, " "), unit); got != c.want {
			t.Errorf("tickLabels(%v) = %s, want %s", c.ticks, got, c.want)
		}
	}
}

func TestRatioTicks(t *testing.T) {
	for _, c := range []struct {
		min, max float64
		want     string
	}{
		{0.4, 2.5, "−50% 0% +100%"},
		{0.85, 1.2, "−10% 0% +10% +20%"},
		{0.94, 1.06, "−5% 0% +5%"},
		{0.05, 20, "0.2× 1× 5×"},
		{0.99, 1.01, "0%"},
	} {
		s := scale{log: true, min: c.min, max: c.max, hi: 150}
		ticks := ratioTicks(s, tickGap)
		slices.Sort(ticks)
		var got []string
		for _, v := range ticks {
			got = append(got, ratioTick(s, v))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("ratio ticks of %v..%v: %v, want %s", c.min, c.max, got, c.want)
		}
	}
}
