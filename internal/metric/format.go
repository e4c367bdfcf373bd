package metric

import (
	"math"
	"strconv"
	"strings"
)

// Format renders a value of the named metric for people, with its unit and
// three significant digits: "412 ms", "1.73 s", "2,058 tok/s", "1.2 %".
// NaN and infinities render as "n/a".
func Format(name string, v float64) string {
	m, err := Parse(name)
	if err != nil {
		return FormatUnit("", v)
	}
	return FormatUnit(m.Unit, v)
}

// FormatUnit renders a value given in base unit u for people.
func FormatUnit(u Unit, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "n/a"
	}
	switch u {
	case Seconds:
		// The prefix follows from the value as printed: 999.6 ms is 1 s.
		switch a := math.Abs(threeDigits(v)); {
		case a == 0:
			return "0 s"
		case a < 1e-3:
			return significant(v*1e6) + " µs"
		case a < 1:
			return significant(v*1e3) + " ms"
		default:
			return significant(v) + " s"
		}
	case Fraction:
		return significant(v*100) + " %"
	default:
		return strings.TrimSuffix(significant(v)+" "+string(u), " ")
	}
}

// significant prints three significant digits without exponent, with thousands
// separators and no trailing zeros after the decimal point.
func significant(v float64) string {
	v = threeDigits(v)
	if math.Abs(v) < 1e-9 { // beyond the decimals that are printed
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if digits < 0 {
		digits = 0
	}
	s := strconv.FormatFloat(v, 'f', min(digits, 9), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return group(s)
}

// threeDigits rounds v to three significant digits when it is less than 1000
// and to an integer when it is more.
func threeDigits(v float64) float64 {
	if a := math.Abs(v); a == 0 || a >= 1000 {
		return math.Round(v)
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64)
	if err != nil { // NaN and infinities, which callers sort out before
		return v
	}
	return r
}

// group inserts thousands separators into the integer part of a decimal.
func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return sign + b.String()
}
