package notice

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/say"
)

// Args are the arguments of a notice by the names that its entry uses.
type Args map[string]Arg

// Arg is one typed argument. In JSON it is an object with the type as its only
// key: {"seconds": 0.0107}, {"count": 3}, {"text": "..."}.
type Arg struct {
	kind   string
	number float64
	text   string // also the metric's name
	words  []string
	inner  *Notice
}

// The types of arguments.
const (
	kindSeconds  = "seconds"  // a latency in seconds
	kindSpan     = "span"     // a time on the clock in seconds
	kindFraction = "fraction" // 0.05 prints as 5%
	kindChange   = "ratio"    // 1.05 prints as +5%
	kindCount    = "count"
	kindNumber   = "number"
	kindP        = "p" // 0.012 prints as p=0.012
	kindBytes    = "bytes"
	kindMetric   = "metric" // {"metric": "ttft_p50", "value": 0.03}
	kindText     = "text"
	kindList     = "list"
	kindChoice   = "choice" // prints as "a, b or c"
	kindCommand  = "command"
	kindNotice   = "notice" // what another notice says
	kindRemedy   = "remedy" // what to do about another notice
)

// Seconds is a latency in seconds.
func Seconds(v float64) Arg { return Arg{kind: kindSeconds, number: v} }

// Latency is a latency.
func Latency(d time.Duration) Arg { return Seconds(d.Seconds()) }

// Span is a time on the clock.
func Span(d time.Duration) Arg { return Arg{kind: kindSpan, number: d.Seconds()} }

// Fraction is a part of a whole: 0.05 is 5%.
func Fraction(v float64) Arg { return Arg{kind: kindFraction, number: v} }

// Ratio is a change, new by old: 1.05 is +5%.
func Ratio(v float64) Arg { return Arg{kind: kindChange, number: v} }

// Count is a number of things; its entry names the thing.
func Count[T ~int | ~int64 | ~uint64](n T) Arg { return Arg{kind: kindCount, number: float64(n)} }

// Number is a number without a unit.
func Number(v float64) Arg { return Arg{kind: kindNumber, number: v} }

// PValue is the p-value of a test.
func PValue(p float64) Arg { return Arg{kind: kindP, number: p} }

// Bytes is a size of memory.
func Bytes[T ~int | ~int64 | ~uint64 | ~float64](n T) Arg {
	return Arg{kind: kindBytes, number: float64(n)}
}

// Metric is a value of a metric in its base unit.
func Metric(name string, v float64) Arg { return Arg{kind: kindMetric, text: name, number: v} }

// Text is a name, a flag or somebody else's words.
func Text(s string) Arg { return Arg{kind: kindText, text: s} }

// List is names that print as "a, b and c".
func List(words ...string) Arg { return Arg{kind: kindList, words: words} }

// Choice is names that print as "a, b or c".
func Choice(words ...string) Arg { return Arg{kind: kindChoice, words: words} }

// Command is a command line, quoted for a shell where it needs it.
func Command(words ...string) Arg { return Arg{kind: kindCommand, words: words} }

// Said is what another notice says; of a quotation, the words.
func Said(n Notice) Arg {
	if n.Code == "quoted" {
		return n.Args["words"]
	}
	return Arg{kind: kindNotice, inner: &n}
}

// Advice is what to do about another notice.
func Advice(n Notice) Arg { return Arg{kind: kindRemedy, inner: &n} }

// read makes an argument of the same type as an example out of text, as a log
// has it; what does not read as that type stays text.
func read(example Arg, text string) Arg {
	number, unit, _ := strings.Cut(strings.ReplaceAll(text, ",", ""), " ")
	x, err := strconv.ParseFloat(number, 64)
	switch scale, known := scales[unit]; {
	case example.kind == kindList:
		return List(strings.Split(text, ", ")...)
	case err != nil || !known:
	case example.kind == kindBytes:
		return Bytes(x * scale)
	case unit != "":
	case example.kind == kindCount && x == float64(int64(x)):
		return Count(int64(x))
	case example.kind == kindNumber:
		return Number(x)
	}
	return Text(text)
}

// scales are the bytes of the units of sizes.
var scales = map[string]float64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

func (a Arg) equal(b Arg) bool {
	if a.inner != nil && b.inner != nil && !a.inner.Equal(*b.inner) {
		return false
	}
	return a.kind == b.kind && a.number == b.number && a.text == b.text && slices.Equal(a.words, b.words)
}

// String prints the argument as sentences contain it.
func (a Arg) String() string {
	switch a.kind {
	case kindSeconds:
		return say.Seconds(a.number)
	case kindSpan:
		return say.Duration(time.Duration(a.number * float64(time.Second)))
	case kindFraction:
		return say.Percent(a.number)
	case kindChange:
		return say.Change(a.number)
	case kindCount:
		return say.Integer(int64(a.number))
	case kindNumber:
		return say.Number(a.number)
	case kindP:
		return say.PValue(a.number)
	case kindBytes:
		return say.Bytes(a.number)
	case kindMetric:
		return say.Metric(a.text, a.number)
	case kindList:
		return say.List(a.words)
	case kindChoice:
		return say.Choice(a.words)
	case kindCommand:
		return say.Shell(a.words)
	case kindNotice:
		return a.inner.Text()
	case kindRemedy:
		return a.inner.Remedy()
	}
	return a.text
}

// MarshalJSON writes the type and the value.
func (a Arg) MarshalJSON() ([]byte, error) {
	switch a.kind {
	case kindText:
		return json.Marshal(map[string]any{a.kind: a.text})
	case kindList, kindChoice, kindCommand:
		return json.Marshal(map[string]any{a.kind: slices.Concat([]string{}, a.words)})
	case kindNotice, kindRemedy:
		return json.Marshal(map[string]any{a.kind: a.inner})
	case kindMetric:
		return json.Marshal(map[string]any{a.kind: a.text, "value": finite(a.number)})
	}
	return json.Marshal(map[string]any{a.kind: finite(a.number)})
}

// finite is nil for what JSON has no number for.
func finite(v float64) any {
	if v-v != 0 {
		return nil
	}
	return v
}

// UnmarshalJSON reads what MarshalJSON wrote, and refuses anything else.
func (a *Arg) UnmarshalJSON(raw []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	*a = Arg{}
	for kind, value := range object {
		var into any = &a.number
		switch kind {
		case kindText, kindMetric:
			into = &a.text
		case kindList, kindChoice, kindCommand:
			into = &a.words
		case kindNotice, kindRemedy:
			a.inner = &Notice{}
			into = a.inner
		case kindSeconds, kindSpan, kindFraction, kindChange, kindCount, kindNumber, kindP, kindBytes, "value":
		default:
			return fmt.Errorf("unknown type of argument %q", kind)
		}
		if err := json.Unmarshal(value, into); err != nil {
			return err
		}
		if kind != "value" {
			a.kind = kind
		}
	}
	if a.kind == "" {
		return fmt.Errorf("argument without a type: %s", raw)
	}
	return nil
}
