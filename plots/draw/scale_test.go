package draw

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
		s    Scale
		want int
		list string
	}{
		{Scale{Min: 0, Max: 3400}, 6, "0 1000 2000 3000"},
		{Scale{Min: 0, Max: 5}, 6, "0 1 2 3 4 5"},
		{Scale{Min: 0.92, Max: 1.01}, 5, "0.92 0.94 0.96 0.98 1"},
		{Scale{Min: 0, Max: 0.3}, 4, "0 0.1 0.2 0.3"},
		{Scale{Log: true, Min: 0.05, Max: 8}, 9, "0.05 0.1 0.2 0.5 1 2 5"},
		{Scale{Log: true, Min: 0.05, Max: 80}, 9, "0.1 0.3 1 3 10 30"},
		{Scale{Log: true, Min: 1e-3, Max: 1e4}, 9, "0.001 0.01 0.1 1 10 100 1000 10000"},
		{Scale{Log: true, Min: 1e-6, Max: 2e14}, 9, "1e-06 0.001 1 1000 1e+06 1e+09 1e+12"},
		{Scale{Min: 5, Max: 5}, 6, ""}, // no range: no ticks, and an end
		{Scale{Min: 1e12, Max: 1e12 + 1e-3}, 6, ""},
		{Scale{Min: 0, Max: math.NaN()}, 6, ""},
		// Shorter than a decade: finer ticks, never fewer than two.
		{Scale{Log: true, Min: 22, Max: 95}, 9, "30 40 50 60 70 80 90"},
		{Scale{Log: true, Min: 0.9, Max: 3.5}, 9, "0.9 1 1.5 2 3"},
		{Scale{Log: true, Min: 1.1, Max: 1.4}, 9, "1.1 1.2 1.3 1.4"},
	} {
		got := strings.Trim(fmt.Sprint(c.s.Ticks(c.want)), "[]")
		if got != c.list {
			t.Errorf("ticks(%v..%v, log %v): %s, want %s", c.s.Min, c.s.Max, c.s.Log, got, c.list)
		}
	}
}

// Every axis has at least two ticks, inside it, ascending and not too many.
func TestTicksOfAnyRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(1e-5, 1e5).Draw(t, "lo")
		s := Scale{Log: rapid.Bool().Draw(t, "log"), Min: lo, Max: lo * rapid.Float64Range(1.05, 1e5).Draw(t, "factor")}
		want := rapid.IntRange(4, 10).Draw(t, "want")
		ticks := s.Ticks(want)
		if len(ticks) < 2 || len(ticks) > max(want, 6)+3 {
			t.Fatalf("%d ticks: %v", len(ticks), ticks)
		}
		if !slices.IsSorted(ticks) || ticks[0] < s.Min*(1-1e-6) || ticks[len(ticks)-1] > s.Max*(1+1e-6) {
			t.Fatalf("ticks outside %v..%v or unsorted: %v", s.Min, s.Max, ticks)
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
		labels, unit := TickLabels(c.unit, c.ticks)
		if got := fmt.Sprintf("%s [%s]", strings.Join(labels, " "), unit); got != c.want {
			t.Errorf("tickLabels(%v) = %s, want %s", c.ticks, got, c.want)
		}
	}
}
