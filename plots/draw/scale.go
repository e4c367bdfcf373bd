package draw

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Scale maps a value range to a length range, linearly or by logarithm.
type Scale struct {
	Log      bool
	Min, Max float64 // values, min < max; both > 0 when log
	Lo, Hi   vg.Length
}

func (s Scale) At(v float64) vg.Length {
	f := (v - s.Min) / (s.Max - s.Min)
	if s.Log {
		f = math.Log(v/s.Min) / math.Log(s.Max/s.Min)
	}
	return s.Lo + vg.Length(f)*(s.Hi-s.Lo)
}

// Clamped is at, kept inside the range.
func (s Scale) Clamped(v float64) vg.Length { return s.At(min(max(v, s.Min), s.Max)) }

// Ticks are 1-2-5 ticks inside the range, about want of them.
func (s Scale) Ticks(want int) []float64 {
	if s.Log {
		return logTicks(s.Min, s.Max, want)
	}
	return linearTicks(s.Min, s.Max, want)
}

// linearTicks are the multiples of 1, 2 or 5 times a power of ten in lo..hi,
// about want of them and at least two; none when the range is empty.
func linearTicks(lo, hi float64, want int) []float64 {
	if !(hi-lo > 1e-9*math.Abs(hi)) || math.IsInf(hi, 1) { // too short to count along, or no range
		return nil
	}
	raw := (hi - lo) / float64(max(want, 2))
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	var out []float64
	for _, m := range []float64{10, 5, 2, 1, 0.5, 0.2} { // ever finer
		step := m * unit
		if step < raw*0.999 && len(out) > 2 {
			break
		}
		out = out[:0]
		for i := math.Ceil(lo/step - 1e-9); i*step <= hi*(1+1e-12)+step*1e-9; i++ {
			out = append(out, Tidy(i*step)+0) // +0: no negative zero
		}
	}
	return out
}

// logTicks are ticks of a logarithmic axis over lo..hi, both > 0: powers of ten
// when the range is long, 1-2-5 as a rule, finer ones when the range is shorter
// than a decade, so that at least two show.
func logTicks(lo, hi float64, want int) []float64 {
	finest := []float64{1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9}
	var best []float64
	for _, mantissas := range [][]float64{{1}, {1, 3}, {1, 2, 5}, {1, 2, 3, 5, 7}, finest} {
		t := mantissaTicks(lo, hi, mantissas)
		if len(t) > want && len(best) >= 2 {
			break
		}
		best = t
		if len(mantissas) >= 3 && len(t) >= 4 {
			break
		}
	}
	if len(best) > want+3 { // decades, too many: every second, third ...
		stride := (len(best) + want - 1) / want
		kept := best[:0]
		for i := 0; i < len(best); i += stride {
			kept = append(kept, best[i])
		}
		best = kept
	}
	if len(best) < 3 {
		return linearTicks(lo, hi, min(want, 5))
	}
	return best
}

func mantissaTicks(lo, hi float64, mantissas []float64) []float64 {
	var out []float64
	if !(lo > 0) || !(hi < math.MaxFloat64) { // no end to count to
		return nil
	}
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for _, m := range mantissas {
			if v := Tidy(m * math.Pow(10, e)); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				out = append(out, v)
			}
		}
	}
	return out
}

// Tidy removes the binary dust of a decimal computed in steps.
func Tidy(v float64) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	if err != nil {
		return v
	}
	return f
}

// TickLabels renders ticks given in base unit u, and says which unit belongs
// into the axis title ("" when the ticks carry theirs).
func TickLabels(u metric.Unit, ticks []float64) (labels []string, unit string) {
	factor, unit := 1.0, string(u)
	switch u {
	case metric.Fraction:
		factor, unit = 100, "%"
	case metric.Seconds:
		lo, hi := math.Inf(1), 0.0
		for _, t := range ticks {
			if t > 0 {
				lo = min(lo, t)
			}
			hi = max(hi, t)
		}
		switch {
		case hi <= 2e-3:
			factor, unit = 1e6, "µs"
		case hi <= 2:
			factor, unit = 1e3, "ms"
		case lo < 0.1:
			for _, t := range ticks {
				labels = append(labels, say.Unit(u, t))
			}
			return labels, ""
		}
	}
	for _, t := range ticks {
		labels = append(labels, Number(t*factor))
	}
	return labels, unit
}

// Number prints v with up to ten significant digits and thousands separators.
func Number(v float64) string {
	s := strconv.FormatFloat(Tidy(math.Abs(v)), 'f', -1, 64)
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	if v < 0 {
		b.WriteString("−")
	}
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return b.String()
}
