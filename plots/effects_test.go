package plots

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/plots/draw"
)

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
		s := draw.Scale{Log: true, Min: c.min, Max: c.max, Hi: 150}
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
