package experiment

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// duration is a Go duration of at least minimum: 90s, 5m, 1h30m.
func duration(minimum time.Duration) value[time.Duration] {
	want := `a duration such as 90s, 5m or 1h30m`
	if minimum > 0 {
		want = `a duration greater than 0 such as 90s, 5m or 1h30m`
	}
	schema := pattern(`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`)
	if minimum <= 0 {
		schema = anyOf(schema, &jsonschema.Schema{Enum: []any{0}})
	}
	return value[time.Duration]{schema: schema, read: func(d *decoder, path string, e entry) (time.Duration, bool) {
		got, err := time.ParseDuration(e.value.text)
		if e.value.scalar() && err == nil && got >= minimum {
			return got, true
		}
		fixed, _ := fixDuration(e.value.text)
		d.expectNear(path, e, want, fixed)
		return 0, false
	}}
}

// expectNear reports a value that is not what it must be, and the one that was
// probably meant, if there is one.
func (d *decoder) expectNear(path string, e entry, want, near string) {
	a := args{"path": path, "want": want, "found": e.value.found()}
	if near != "" && e.value.scalar() {
		delete(a, "found")
		a["near"] = near
	}
	d.fail("wrong-value", e.place(), a)
}

var loose = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)$`)

// fixDuration guesses what a duration with a wrong or no unit was meant to be.
func fixDuration(text string) (string, bool) {
	m := loose.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", false
	}
	number := m[1]
	var unit string
	switch strings.ToLower(m[2]) {
	case "", "s", "sec", "secs", "second", "seconds":
		unit = "s"
	case "m", "min", "mins", "minute", "minutes":
		unit = "m"
	case "h", "hr", "hrs", "hour", "hours":
		unit = "h"
	case "ms", "msec", "millis", "millisecond", "milliseconds":
		unit = "ms"
	case "d", "day", "days":
		days, err := strconv.ParseFloat(number, 64)
		if err != nil || days > 1000 {
			return "", false
		}
		return strconv.FormatFloat(days*24, 'f', -1, 64) + "h", true
	default:
		return "", false
	}
	if number == "0" {
		return "", false
	}
	return number + unit, true
}

// sizeUnits are bytes by unit: IEC powers of 1024 and SI powers of 1000.
var sizeUnits = map[string]float64{
	"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// size is a number of bytes with its unit: 1GiB, 512MiB, 16GB.
func size() value[int64] {
	return value[int64]{schema: pattern(`^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$`),
		read: func(d *decoder, path string, e entry) (int64, bool) {
			m := loose.FindStringSubmatch(e.value.text)
			if e.value.kind == textNode && m != nil {
				n, err := strconv.ParseFloat(m[1], 64)
				unit, ok := sizeUnits[m[2]]
				if bytes := n * unit; ok && err == nil && bytes < math.MaxInt64 {
					return int64(bytes), true
				}
			}
			near := ""
			if m != nil {
				if fixed, ok := fixSizeUnit(m[2]); ok {
					near = m[1] + fixed
				}
			}
			d.expectNear(path, e, "a size with its unit such as 1GiB, 512MiB or 16GB", near)
			return 0, false
		}}
}

// fixSizeUnit guesses the unit of sizes such as 1G, 1Gi and 1gib.
func fixSizeUnit(unit string) (string, bool) {
	switch strings.ToLower(unit) {
	case "k", "ki", "kib":
		return "KiB", true
	case "m", "mi", "mib", "mb":
		return "MiB", true
	case "g", "gi", "gib", "gb":
		return "GiB", true
	case "t", "ti", "tib", "tb":
		return "TiB", true
	default:
		return "", false
	}
}

// percentage reads 1% or 0.01 as a fraction.
func percentage(n *node) (float64, error) {
	text := strings.TrimSpace(n.text)
	scale := 1.0
	if cut, ok := strings.CutSuffix(text, "%"); ok {
		text, scale = strings.TrimSpace(cut), 100
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f/scale <= 1) {
		return 0, fmt.Errorf("%q: want a fraction from 0 to 1 or 0%% to 100%%", n.text)
	}
	return f / scale, nil
}

// Int reads the flag's value as vLLM reads integers: 32k is 32000 and 32K is
// 32768 (vllm/utils/argparse_utils.py, human_readable_int). It is false for
// everything else, "auto" among it.
func (f Flag) Int() (int64, bool) {
	text, scale := f.Value, 1.0
	if f.Kind != FlagText || text == "" {
		return 0, false
	}
	last := text[len(text)-1]
	if i := strings.IndexByte("kmgt", last); i >= 0 {
		scale = math.Pow(1000, float64(i+1))
	} else if i := strings.IndexByte("KMGT", last); i >= 0 {
		scale = math.Pow(1024, float64(i+1))
	}
	if scale == 1 {
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	}
	v, err := strconv.ParseFloat(text[:len(text)-1], 64)
	if err != nil || !(math.Abs(v*scale) < math.MaxInt64) {
		return 0, false
	}
	return int64(v * scale), true
}
