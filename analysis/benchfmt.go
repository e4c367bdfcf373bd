package analysis

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// WriteBenchfmt writes the counting trials of a run's blocks in the text format
// of Go benchmarks, which benchstat reads: one line a trial, its metrics as
// values with units, the name of the run in the configuration key "run".
//
// The number of iterations, which the format wants, is 1: a trial is one
// sample. A name cannot hold spaces, and the format takes digits after a final
// hyphen for a number of processors, so every name ends in its number of GPUs.
func WriteBenchfmt(w io.Writer, run string, in Input, metrics []string) error {
	a, err := estimated(in)
	if err != nil {
		return err
	}
	if len(metrics) == 0 {
		metrics = comparedMetrics(a)
	}
	b := bufio.NewWriter(w)
	for _, m := range metrics {
		better := "lower"
		if p, err := metric.Parse(m); err != nil {
			return err
		} else if p.Better == metric.Higher {
			better = "higher"
		}
		fmt.Fprintf(b, "Unit %s better=%s\n", benchUnit(m), better)
	}
	fmt.Fprintf(b, "\nmodel: %s\nrun: %s\n\n", oneLine(a.in.Plan.Model), oneLine(run))
	for i, c := range a.findings.Cells {
		for _, t := range a.trials[i] {
			var line strings.Builder
			for _, m := range metrics {
				if v, ok := t.Metrics[m]; ok {
					fmt.Fprintf(&line, "\t%g %s", v, benchUnit(m))
				}
			}
			if line.Len() > 0 {
				fmt.Fprintf(b, "BenchmarkServe/load=%s/flags=%s/gpus=%d\t1%s\n",
					benchWord(c.PointLabel), benchWord(c.Label), c.GPUs, line.String())
			}
		}
	}
	return b.Flush()
}

// benchUnit is a metric as the unit of a benchmark: its base unit is the last
// part, so that benchstat scales seconds as seconds.
func benchUnit(name string) string {
	m, err := metric.Parse(name)
	if err != nil {
		return name
	}
	unit := map[metric.Unit]string{metric.Seconds: "sec", metric.Requests: "req/s", metric.Tokens: "tok/s", metric.TokensGPU: "tok/s/GPU", metric.Fraction: "share"}[m.Unit]
	return name + "-" + unit
}

// benchWord makes a word of a label.
func benchWord(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return slices.Contains([]rune(" \t\n\r/"), r) }), "_")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
