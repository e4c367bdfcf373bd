package experiment

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
)

// text is any text; a number must be quoted to count as text.
func text(want string) value[string] {
	return value[string]{schema: typed("string"), read: func(d *decoder, path string, e entry) (string, bool) {
		if e.value.kind != textNode {
			a := args{"path": path, "want": want, "found": e.value.found()}
			if e.value.scalar() {
				a["instead"] = strconv.Quote(e.value.text)
			}
			d.fail("wrong-type", e.place(), a)
			return "", false
		}
		return plainText(d, path, e, want)
	}}
}

// scalarText is any scalar as written: 8000 and true become text.
func scalarText(want string) value[string] {
	return value[string]{schema: typed("string", "number", "boolean"), read: func(d *decoder, path string, e entry) (string, bool) {
		if !e.value.scalar() {
			d.expect("wrong-type", path, e, want)
			return "", false
		}
		if e.value.text == "" {
			return "", true
		}
		return plainText(d, path, e, want)
	}}
}

// plainText refuses text that cannot be passed to a process or a file name.
func plainText(d *decoder, path string, e entry, want string) (string, bool) {
	if strings.TrimSpace(e.value.text) == "" {
		d.fail("empty-text", e.place(), args{"path": path, "want": want})
		return "", false
	}
	if strings.ContainsRune(e.value.text, 0) {
		d.fail("nul-character", e.place(), args{"path": path, "want": want})
		return "", false
	}
	return e.value.text, true
}

// matching is text of a certain form.
func matching(expression *regexp.Regexp, want string) value[string] {
	v := text(want)
	return value[string]{schema: pattern(expression.String()), read: func(d *decoder, path string, e entry) (string, bool) {
		got, ok := v.read(d, path, e)
		if ok && !expression.MatchString(got) {
			d.expect("wrong-value", path, e, want)
			return "", false
		}
		return got, ok
	}}
}

// word is one of a fixed set.
func word(words ...string) value[string] {
	return value[string]{schema: enum(words), read: func(d *decoder, path string, e entry) (string, bool) {
		if e.value.kind == textNode && slices.Contains(words, e.value.text) {
			return e.value.text, true
		}
		if e.value.kind != textNode {
			d.expect("wrong-type", path, e, say.Choice(words))
			return "", false
		}
		a, _ := meantBy(e.value.text, words)
		delete(a, "name")
		a["path"], a["value"] = path, e.value.text
		d.fail("unknown-value", e.place(), a)
		return "", false
	}}
}

// boolean is true or false.
func boolean() value[bool] {
	return value[bool]{schema: typed("boolean"), read: func(d *decoder, path string, e entry) (bool, bool) {
		if e.value.kind != boolNode {
			d.expect("wrong-type", path, e, "true or false")
			return false, false
		}
		return strings.EqualFold(e.value.text, "true"), true
	}}
}

// whole is an integer in minimum..maximum written with plain digits.
func whole(minimum, maximum int) value[int] {
	want := fmt.Sprintf("a whole number of at least %d", minimum)
	if maximum < math.MaxInt32 {
		want = fmt.Sprintf("a whole number from %d to %d", minimum, maximum)
	}
	schema := number("integer", float64(minimum), false)
	if maximum < math.MaxInt32 {
		limit := float64(maximum)
		schema.Maximum = &limit
	}
	return value[int]{schema: schema, read: func(d *decoder, path string, e entry) (int, bool) {
		n, err := strconv.Atoi(e.value.text)
		if e.value.kind != intNode || err != nil || n < minimum || n > maximum || !digits(e.value.text) {
			d.expect("out-of-range", path, e, want)
			return 0, false
		}
		return n, true
	}}
}

// seed is any unsigned 64-bit integer.
func seed() value[uint64] {
	return value[uint64]{schema: number("integer", 0, false), read: func(d *decoder, path string, e entry) (uint64, bool) {
		n, err := strconv.ParseUint(e.value.text, 10, 64)
		if !e.value.scalar() || e.value.kind == textNode || err != nil || !digits(e.value.text) {
			d.expect("out-of-range", path, e, "a whole number from 0 to 18446744073709551615")
			return 0, false
		}
		return n, true
	}}
}

// digits says whether text is a decimal number as people write it: YAML also
// reads 0x10, 0o17, 010 and 1_000 as integers, each a likely mistake here.
func digits(text string) bool {
	if len(text) > 1 && text[0] == '0' {
		return false
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return false
		}
	}
	return text != ""
}

// realNumber is a finite decimal number of at least minimum, or above it if open.
func realNumber(minimum float64, open bool) value[float64] {
	want := fmt.Sprintf("a number of at least %g", minimum)
	if open {
		want = fmt.Sprintf("a number greater than %g", minimum)
	}
	return value[float64]{schema: number("number", minimum, open), read: func(d *decoder, path string, e entry) (float64, bool) {
		f, ok := decimal(e.value)
		if !ok || f < minimum || open && f == minimum {
			d.expect("out-of-range", path, e, want)
			return 0, false
		}
		return f, true
	}}
}

// decimal is the number that the node holds, without hexadecimal, infinities
// and underscores.
func decimal(n *node) (float64, bool) {
	if n.kind != intNode && n.kind != floatNode || strings.ContainsAny(n.text, "xXoO_nNpPb") {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.text, 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// listOf is a list of values; a lone value stands for a list of one if single.
func listOf[V any](v value[V], want string, single bool) value[[]V] {
	schema := arrayOf(v.schema)
	if single {
		schema = anyOf(v.schema, schema)
	}
	return value[[]V]{schema: schema, read: func(d *decoder, path string, e entry) ([]V, bool) {
		children := e.value.children()
		if e.value.kind != listNode {
			if !single || e.value.kind == mapNode || e.value.kind == nullNode {
				d.expect("wrong-type", path, e, want)
				return nil, false
			}
			got, ok := v.read(d, path, e)
			return []V{got}, ok
		}
		out, ok := make([]V, 0, len(children)), true
		for _, child := range children {
			got, good := v.read(d, path+child.name, child)
			ok = ok && good
			out = append(out, got)
		}
		return out, ok
	}}
}
