// Command medians reads the output of `go test -bench -count N` and prints one
// line for each benchmark and unit: the median of the N figures, and the least
// and greatest. Everything else passes through to standard error, so that a
// failure is not lost.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	if err := medians(os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "medians:", err)
		os.Exit(1)
	}
}

type figure struct{ benchmark, unit string }

func medians(in io.Reader, out, rest io.Writer) error {
	var order []figure
	values := map[figure][]float64{}
	failed := false
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		name, found := lines.Text(), parse(lines.Text())
		if len(found) == 0 {
			failed = failed || strings.HasPrefix(name, "FAIL") || strings.HasPrefix(name, "--- FAIL")
			fmt.Fprintln(rest, name)
			continue
		}
		for _, f := range found {
			if values[f.figure] == nil {
				order = append(order, f.figure)
			}
			values[f.figure] = append(values[f.figure], f.value)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "benchmark\tunit\tmedian\tleast\tgreatest\truns")
	for _, f := range order {
		x := values[f]
		slices.Sort(x)
		median := x[len(x)/2]
		if len(x)%2 == 0 {
			median = (median + x[len(x)/2-1]) / 2
		}
		fmt.Fprintf(t, "%s\t%s\t%.4g\t%.4g\t%.4g\t%d\n", f.benchmark, f.unit, median, x[0], x[len(x)-1], len(x))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if failed {
		return fmt.Errorf("a benchmark failed")
	}
	return nil
}

type measured struct {
	figure
	value float64
}

// parse reads a result line: name, iterations, then pairs of value and unit.
func parse(line string) []measured {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return nil
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return nil
	}
	var out []measured
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return nil
		}
		if fields[i+1] == "ns/op" && v == 0 {
			continue // a benchmark that reports figures of its own
		}
		out = append(out, measured{figure{strings.TrimPrefix(fields[0], "Benchmark"), fields[i+1]}, v})
	}
	return out
}
