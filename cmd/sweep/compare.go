package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

type compareOptions struct {
	metrics        []string
	format, failOn string
	force          bool
	margin         float64
}

func newCompare(sys *System) *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two runs cell by cell: last month's and tonight's, two versions of vLLM",
		Long: `Compare two runs cell by cell. Cells belong together when flags and load are the
same. Every change carries an interval and a verdict, corrected for the number
of comparisons.

Runs on different GPUs, of different models or without a common load are
refused (exit code 2); other differences of client and host are warned of.

With --fail-on worse the exit code is 5 when anything is worse by verdict.

With --format benchfmt every trial becomes a line of Go's benchmark format:
  sweep compare --format benchfmt A B > runs.txt; benchstat -col run runs.txt`,
		Example: `  sweep compare runs/chat/20261023-221004 runs/chat/20261123-221004
  sweep compare --fail-on worse --metric ttft_p95 --metric output_throughput A B`,
		Args:              exactly("A", "B"),
		ValidArgsFunction: completeRuns,
		RunE:              func(_ *cobra.Command, args []string) error { return sys.compare(args[0], args[1], o) },
	}
	cmd.Flags().StringSliceVar(&o.metrics, "metric", nil, "compare only these metrics (repeatable); default: those the experiments ask about, and the usual ones")
	cmd.Flags().StringVar(&o.format, "format", "text", "text, json or benchfmt")
	cmd.Flags().StringVar(&o.failOn, "fail-on", "none", "worse: exit code 5 when anything is worse; none")
	cmd.Flags().BoolVar(&o.force, "force", false, "compare although GPU, model or load differ")
	cmd.Flags().Float64Var(&o.margin, "margin", analysis.DefaultMargin, "differences surely within this share are equivalent")
	return cmd
}

func (sys *System) compare(pathA, pathB string, o compareOptions) error {
	if !slices.Contains([]string{"text", "json", "benchfmt"}, o.format) {
		return withCode(exitUsage, fmt.Errorf("unknown format %q: want text, json or benchfmt", o.format))
	}
	if o.margin < 0 || o.margin >= 1 {
		return withCode(exitUsage, fmt.Errorf("--margin %g: want a share from 0 to below 1, such as 0.03", o.margin))
	}
	if o.failOn != "worse" && o.failOn != "none" {
		return withCode(exitUsage, fmt.Errorf("unknown --fail-on %q: want worse or none", o.failOn))
	}
	a, err := readRun(pathA)
	if err != nil {
		return err
	}
	b, err := readRun(pathB)
	if err != nil {
		return err
	}
	warnings, err := comparable(a, b, o.force)
	if err != nil {
		return err
	}
	inA, inB := analysisInput(a), analysisInput(b)
	inA.Margin, inB.Margin = o.margin, o.margin
	cmp, err := analysis.CompareRuns(inA, inB, o.metrics)
	if err != nil {
		return withCode(exitUsage, err)
	}
	cmp.Warnings = append(warnings, cmp.Warnings...)
	if err := sys.writeComparison(cmp, o, [2]string{pathA, pathB}, [2]analysis.Input{inA, inB}); err != nil {
		return err
	}
	if worse := cmp.Worse(); o.failOn == "worse" && len(worse) > 0 {
		return withCode(exitSLO, fmt.Errorf("worse: %s", strings.Join(worse, "; ")))
	}
	return nil
}

// comparable refuses runs whose comparison would say nothing of the server.
func comparable(a, b *rundir.Run, force bool) ([]notice.Notice, error) {
	refusals, warnings, subjects := analysis.Comparability(a, b)
	if len(refusals) > 0 && !force {
		return nil, withCode(exitUsage, errors.New("the runs cannot be compared: "+strings.Join(notice.Texts(refusals), " ")),
			"Use --force to compare them all the same.")
	}
	return slices.Concat(refusals, warnings, subjects), nil
}

func (sys *System) writeComparison(cmp *analysis.Between, o compareOptions, names [2]string, in [2]analysis.Input) error {
	switch o.format {
	case "json":
		return writeJSON(sys, cmp)
	case "benchfmt":
		for i, name := range names {
			if err := analysis.WriteBenchfmt(sys.Stdout, name, in[i], cmp.Metrics); err != nil {
				return err
			}
		}
		return nil
	}
	return sys.terminal().Comparison(sys.Stdout, cmp)
}
