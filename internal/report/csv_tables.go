package report

import (
	"bytes"
	"encoding/csv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

// resultsHeader names the columns of results.csv; docs/run-directory.md
// documents them.
var resultsHeader = []string{
	"cell", "configuration", "label", "flags", "load_point", "point_label", "load", "baseline", "gpus",
	"metric", "unit", "center", "lo", "hi", "n", "method",
	"ratio", "ratio_lo", "ratio_hi", "p", "p_adjusted", "verdict", "note",
}

// renderResultsCSV is one row per cell and metric. A cell without any estimate
// keeps one row, with an empty metric and the reason as its note: a table from
// which failures are missing would mislead.
func renderResultsCSV(in Input) ([]byte, error) {
	return renderCSV(resultsHeader, func(row func(...string)) {
		for _, c := range in.Findings.Cells {
			flags := ""
			if conf, ok := in.Plan.Configuration(c.Configuration); ok {
				flags = in.Plan.CommandLine(conf.Flags)
			}
			head := []string{
				c.ID, c.Configuration, c.Label, flags, c.LoadPoint, c.PointLabel, c.Load,
				strconv.FormatBool(c.Baseline), strconv.Itoa(c.GPUs),
			}
			names := metricsOf(c.Estimates, c.Absent)
			if len(names) == 0 {
				row(pad(append(head, "", ""), len(resultsHeader), unmeasured(c))...)
			}
			for _, name := range names {
				line := append(slices.Clone(head), name, unitOf(name))
				if e, ok := c.Estimates[name]; ok {
					row(append(append(line, estimateFields(e)...), ratioFields(c, name)...)...)
				} else {
					row(pad(line, len(resultsHeader), c.Absent[name])...)
				}
			}
		}
	})
}

func estimateFields(e analysis.Estimate) []string {
	out := []string{number(e.Center), "", "", strconv.Itoa(e.N), e.Method}
	if e.HasInterval() {
		out[1], out[2] = number(e.Lo), number(e.Hi)
	}
	return out
}

// ratioFields are the columns from ratio to note.
func ratioFields(c analysis.Cell, name string) []string {
	r, ok := c.Ratios[name]
	if !ok {
		return make([]string, 7)
	}
	out := []string{number(r.Center), "", "", "", "", r.Verdict, r.Reason()}
	if r.HasInterval() {
		out[1], out[2] = number(r.Lo), number(r.Hi)
	}
	if r.P > 0 {
		out[3], out[4] = number(r.P), number(r.PAdjusted)
	}
	return out
}

// trialsHeader names the columns of trials.csv.
var trialsHeader = []string{
	"trial", "cell", "configuration", "label", "load_point", "point_label", "start", "block", "order", "seed",
	"began", "ended", "outcome", "reasons", "reason_codes", "warning_codes", "metric", "unit", "value", "absent",
}

// renderTrialsCSV is one row per trial and metric, as recorded.
func renderTrialsCSV(in Input) ([]byte, error) {
	return renderCSV(trialsHeader, func(row func(...string)) {
		for _, t := range in.Trials {
			head := trialFields(in, t)
			names := metricsOf(t.Metrics, t.Absent)
			if len(names) == 0 {
				row(pad(head, len(trialsHeader), "")...)
			}
			for _, name := range names {
				value := ""
				if v, ok := t.Metrics[name]; ok {
					value = number(v)
				}
				row(append(slices.Clone(head), name, unitOf(name), value, t.Absent[name])...)
			}
		}
	})
}

func trialFields(in Input, t rundir.Trial) []string {
	conf, _ := in.Plan.Configuration(t.Configuration)
	point, _ := in.Plan.LoadPoint(t.LoadPoint)
	return []string{
		t.ID, t.Cell, t.Configuration, conf.Label, t.LoadPoint, point.Label, t.Start,
		strconv.Itoa(t.Block), strconv.Itoa(t.Order), strconv.FormatUint(t.Seed, 10),
		t.Began.Format(time.RFC3339Nano), t.Ended.Format(time.RFC3339Nano), t.Outcome,
		strings.Join(notice.Texts(t.Reasons), " "), codes(t.Reasons), codes(t.Warnings),
	}
}

// codes are those of notices, separated by spaces.
func codes(list []notice.Notice) string { return strings.Join(notice.CodesOf(list), " ") }

func renderCSV(header []string, fill func(row func(...string))) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	row := func(fields ...string) { _ = w.Write(fields) } // kept by the writer, returned by Error
	row(header...)
	fill(row)
	w.Flush()
	return b.Bytes(), w.Error()
}

// pad fills a row with empty fields up to n and puts note into the last.
func pad(fields []string, n int, note string) []string {
	out := append(slices.Clone(fields), make([]string, n-len(fields))...)
	if note != "" {
		out[n-1] = note
	}
	return out
}

// metricsOf lists the metrics that have a value or a reason for having none.
func metricsOf[V any](values map[string]V, absent map[string]string) []string {
	names := slices.Collect(maps.Keys(values))
	for name := range absent {
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// number prints a value so that reading it back gives the same one.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func unitOf(name string) string {
	m, err := metric.Parse(name)
	if err != nil {
		return ""
	}
	return string(m.Unit)
}

// unmeasured says why a cell has no estimate at all.
func unmeasured(c analysis.Cell) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Failed, "failed"}, {c.Skipped, "skipped"}, {c.Invalid, "discarded"}, {c.Missing, "not run"}} {
		if p.n > 0 {
			parts = append(parts, say.Count(p.n, "trial")+" "+p.what)
		}
	}
	if len(parts) == 0 {
		return "no trial"
	}
	return strings.Join(parts, ", ")
}
