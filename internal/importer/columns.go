package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// Columns maps what we know to the columns of a table: target → column, with
// the unit of times where the column's name does not tell it.
type Columns map[string]Column

// Column is where a target's values stand.
type Column struct {
	Name string
	Unit float64 // seconds of one unit; 0: as the column's name tells, or no time
}

// columnTargets are the targets besides metrics and flag:NAME.
var columnTargets = []string{
	"label", "load", "model", "note", "constant", "poisson", "rate", "concurrency", "throughput", "cap",
	"completed", "failed", "duration", "input_tokens", "output_tokens", "prompt_length", "output_length",
	"requests_per_second", "tokens_per_second", "total_tokens", "date",
}

// ParseColumns reads target=column pairs; a unit may follow the column:
// "ttft_p50=latency:ms". Targets are metric names, flag:NAME, and words such as
// label, constant, poisson, concurrency, completed, failed and duration.
func ParseColumns(pairs []string) (Columns, error) {
	out := Columns{}
	for _, p := range pairs {
		target, name, ok := strings.Cut(p, "=")
		if !ok || target == "" || name == "" {
			return nil, fmt.Errorf("%q: want TARGET=COLUMN, such as ttft_p50=latency:ms", p)
		}
		if _, err := metric.Parse(target); err != nil && !slices.Contains(columnTargets, target) && !strings.HasPrefix(target, "flag:") {
			return nil, fmt.Errorf("%q: unknown target %q: want a metric, flag:NAME, or one of %s", p, target, strings.Join(columnTargets, ", "))
		}
		c := Column{Name: name}
		if i := strings.LastIndexByte(name, ':'); i > 0 {
			if unit, ok := timeUnits[name[i+1:]]; ok {
				c = Column{Name: name[:i], Unit: unit}
			}
		}
		out[target] = c
	}
	return out, nil
}

// columnWords are column names that mean one thing in the tables that tools
// and people write; the unit of times is seconds.
var columnWords = map[string]string{
	"config": "label", "configuration": "label",
	"requested_rate": "rate", "request_rate": "rate",
	"req_s": "request_throughput", "out_tok_s": "output_throughput", "tot_tok_s": "total_throughput",
	"n_ok": "completed", "n_fail": "failed",
	"concurrency": "concurrency", "batch_size": "throughput",
	"input_len": "prompt_length", "output_len": "output_length", "out_len": "output_length",
	"elapsed_time": "duration", "num_requests": "completed", "total_num_tokens": "total_tokens",
	"requests_per_second": "requests_per_second", "tokens_per_second": "tokens_per_second",
	"avg_latency": "e2e_mean", "p50": "e2e_p50",
}

// guess fills in the targets that the header tells by itself.
func (c Columns) guess(header []string) Columns {
	out := maps.Clone(c)
	if out == nil {
		out = Columns{}
	}
	taken := map[string]bool{}
	for _, col := range c {
		taken[col.Name] = true
	}
	for _, name := range header {
		if name == "" || taken[name] {
			continue
		}
		target, unit := columnTarget(name)
		if _, given := out[target]; target != "" && !given {
			out[target] = Column{Name: name, Unit: unit}
		}
	}
	return out
}

// columnTarget is what a column's name means; "": nothing certain. A latency
// needs its unit in its name: ttft_p50_ms.
func columnTarget(name string) (string, float64) {
	if t, ok := columnWords[name]; ok {
		return t, 1
	}
	base, unit := name, 0.0
	for suffix, u := range map[string]float64{"_ms": 1e-3, "_s": 1} {
		if b, ok := strings.CutSuffix(name, suffix); ok {
			base, unit = b, u
		}
	}
	m, err := metric.Parse(base)
	if err != nil || m.Unit == metric.Seconds && unit == 0 || m.Unit != metric.Seconds && unit != 0 {
		return "", 0
	}
	return base, unit
}
