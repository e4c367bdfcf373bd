// Package say is the one place that turns numbers, durations, changes and lists
// into text for people. Terminal, page, Markdown and figures print through it,
// so that one value reads the same everywhere.
//
// Numbers have three significant digits, percentages no space, and negative
// numbers an ASCII minus; [Typographic] makes it a minus sign where a font
// draws the text.
package say

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// Unknown stands for a number that does not exist.
const Unknown = "n/a"

// Number prints three significant digits without exponent, with thousands
// separators and without trailing zeros: "1.73", "2,058", "0.0107".
func Number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Unknown
	}
	return significant(v)
}

// Integer prints a whole number with thousands separators: "12,000".
func Integer[T ~int | ~int64 | ~uint64](n T) string { return group(strconv.FormatInt(int64(n), 10)) }

// Metric prints a value of the named metric with its unit: "412 ms", "1.73 s",
// "2,058 tok/s", "1.2%".
func Metric(name string, v float64) string {
	m, err := metric.Parse(name)
	if err != nil {
		return Unit("", v)
	}
	return Unit(m.Unit, v)
}

// Unit prints a value given in the base unit u.
func Unit(u metric.Unit, v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Unknown
	}
	switch u {
	case metric.Seconds:
		return Seconds(v)
	case metric.Fraction:
		return Percent(v)
	default:
		return strings.TrimSuffix(significant(v)+" "+string(u), " ")
	}
}

// Seconds prints a latency of v seconds: "412 ms", "1.73 s". It keeps the unit
// seconds above a minute, unlike [Duration].
func Seconds(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Unknown
	}
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
}

// Duration prints a span of time on the clock: "850 ms", "3.2 s", "2m 46s",
// "7h 05m". Above a minute it is exact to the second, above an hour to the
// minute.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	if d < 59950*time.Millisecond { // what is printed as less than 60 s
		return Seconds(d.Seconds())
	}
	if seconds := int(d.Round(time.Second).Seconds()); seconds < 3600 {
		return strconv.Itoa(seconds/60) + "m " + two(seconds%60) + "s"
	}
	minutes := int(d.Round(time.Minute).Minutes())
	return strconv.Itoa(minutes/60) + "h " + two(minutes%60) + "m"
}

// Clock is a time of day, with the day of the week where it is not within the
// next 24 hours.
func Clock(t, now time.Time) string {
	if t.Sub(now) >= 24*time.Hour {
		return t.Format("Mon 15:04")
	}
	return t.Format("15:04")
}

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// Bytes prints a size of memory in binary units: "512 MiB", "1.5 GiB".
func Bytes[T ~int | ~int64 | ~uint64 | ~float64](n T) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if math.Abs(v) < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	return Number(v) + " " + unit
}

// Percent prints a fraction: "12.3%", "3%".
func Percent(fraction float64) string {
	if math.IsNaN(fraction) || math.IsInf(fraction, 0) {
		return Unknown
	}
	return significant(fraction*100) + "%"
}

// Probability prints a probability, with no more digits than it can have:
// "71.3%", "under 0.1%", "over 99.9%".
func Probability(p float64) string {
	switch {
	case p < 0.001:
		return "under 0.1%"
	case p > 0.999:
		return "over 99.9%"
	}
	return Percent(math.Round(p*1000) / 1000)
}

// PValue prints the p-value of a test: "p=0.012", "p<0.001".
func PValue(p float64) string {
	if p < 0.001 {
		return "p<0.001"
	}
	return "p=" + strconv.FormatFloat(p, 'g', 2, 64)
}

// Change prints a ratio, new by old, as a change: "+12.3%", "-61%", "±0%" for
// less than 0.05%, and from 2 on as a factor: "2.46×".
func Change(ratio float64) string {
	switch change := ratio - 1; {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0):
		return Unknown
	case IsFactor(ratio):
		return significant(ratio) + "×"
	case math.Abs(change) < 0.0005:
		return "±0%"
	case change > 0:
		return "+" + tenth(change)
	default:
		return tenth(change)
	}
}

// IsFactor reports whether [Change] prints the ratio as a factor.
func IsFactor(ratio float64) bool { return threeDigits(ratio) >= 2 }

// Size prints how large a change is, without its direction: "12.3%".
func Size(ratio float64) string { return strings.TrimLeft(Change(ratio), "+-±") }

// tenth prints a change with three digits at most, of which one is a decimal:
// what lies below a tenth of a percent is noise in every measurement.
func tenth(change float64) string {
	return significant(math.Round(change*1000)/10) + "%"
}

// Interval prints a confidence interval whose ends are already text.
func Interval(lo, hi string) string { return "[" + lo + ", " + hi + "]" }

// Count prints how many there are: "1 trial", "3 trials", "2 loads, 1,024
// requests". The plural of irregular nouns is given as the third word.
func Count(n int, noun string, plural ...string) string {
	return Integer(n) + " " + Plural(n, noun, plural...)
}

// Plural is the noun alone, in the form that n asks for.
func Plural(n int, noun string, plural ...string) string {
	switch {
	case n == 1:
		return noun
	case len(plural) > 0:
		return plural[0]
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay") && !strings.HasSuffix(noun, "ey"):
		return noun[:len(noun)-1] + "ies"
	case strings.HasSuffix(noun, "s") || strings.HasSuffix(noun, "ch") || strings.HasSuffix(noun, "x"):
		return noun + "es"
	}
	return noun + "s"
}

// Times is "once", "twice" or "3 times".
func Times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return Integer(n) + " times"
}

// List joins words with commas and "and": "a", "a and b", "a, b and c".
func List(words []string) string { return joined(words, " and ") }

// Choice joins words with commas and "or".
func Choice(words []string) string { return joined(words, " or ") }

func joined(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + last + words[end]
}

// Few lists the first limit words and counts the rest: "a, b and 4 more".
func Few(words []string, limit int) string {
	if len(words) <= limit {
		return List(words)
	}
	return List(append(words[:limit:limit], Integer(len(words)-limit)+" more"))
}

// Line folds white space to one line and cuts it to limit runes.
func Line(text string, limit int) string { return Clip(strings.Join(strings.Fields(text), " "), limit) }

// Wrap breaks text between words into lines of at most width runes; a word that
// is longer stands alone. Double spaces inside a line are kept.
func Wrap(text string, width int) []string {
	var out []string
	line, empty := "", true
	for _, word := range strings.Split(text, " ") {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out = append(out, strings.TrimRight(line, " "))
			line, empty = "", true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return append(out, strings.TrimRight(line, " "))
}

// Clip cuts text to limit runes; an ellipsis takes the place of the last.
func Clip(text string, limit int) string {
	if len(text) <= limit { // bytes are never fewer than runes
		return text
	}
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:max(limit-1, 0)]) + "…"
}

// ShellWord quotes a word for a POSIX shell where it needs it.
func ShellWord(word string) string {
	special := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:=,@%+", r))
	}
	if word != "" && strings.IndexFunc(word, special) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Shell joins words to a command line for a POSIX shell.
func Shell(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = ShellWord(w)
	}
	return strings.Join(quoted, " ")
}

// minus is the sign of a printed number, not the hyphen of a name.
var minus = regexp.MustCompile(`(^|[\s(\[])-(\d)`)

// Typographic replaces the ASCII minus of printed numbers by a minus sign
// (U+2212), for pages and figures.
func Typographic(text string) string { return minus.ReplaceAllString(text, "$1\u2212$2") }

// significant prints three significant digits.
func significant(v float64) string {
	v = threeDigits(v)
	if math.Abs(v) < 1e-9 { // beyond the decimals that are printed
		return "0"
	}
	digits := max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0)
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
