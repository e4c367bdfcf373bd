package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/report"
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
		Short: "Compare two runs, such as last month's and today's, or two versions of vLLM",
		Long: `Compare two runs, result by result. Two results belong together if their flags
and loads are the same. Every change has an interval and a verdict, corrected for
the number of comparisons.

sweep refuses to compare runs on different GPUs, of different models or without
a common load (exit code 2). It warns of other differences between the machines.

With --fail-on worse, the exit code is 5 if any verdict is worse.

With --format benchfmt, every trial becomes a line of Go's benchmark format:
  sweep compare --format benchfmt A B > runs.txt; benchstat -col run runs.txt`,
		Example: `  sweep compare runs/chat/20261023-221004 runs/chat/20261123-221004
  sweep compare --fail-on worse --metric ttft_p95 --metric output_throughput A B`,
		Args:              exactly("A", "B"),
		ValidArgsFunction: completeRuns,
		RunE:              func(_ *cobra.Command, args []string) error { return sys.compare(args[0], args[1], o) },
	}
	cmd.Flags().StringSliceVar(&o.metrics, "metric", nil, "compare only these metrics (repeatable; default: those of the use cases, and the usual ones)")
	cmd.Flags().StringVar(&o.format, "format", "text", "output `format`: text, json or benchfmt")
	cmd.Flags().StringVar(&o.failOn, "fail-on", "none", "`verdict` that makes the exit code 5: worse or none")
	cmd.Flags().BoolVar(&o.force, "force", false, "compare even if GPU, model or load differ")
	cmd.Flags().Float64Var(&o.margin, "margin", analysis.DefaultMargin, "results within this fraction of each other are equivalent")
	return cmd
}

func (sys *System) compare(pathA, pathB string, o compareOptions) error {
	if !slices.Contains([]string{"text", "json", "benchfmt"}, o.format) {
		return withCode(exitUsage, fmt.Errorf("--format %q: want text, json or benchfmt", o.format))
	}
	if o.margin < 0 || o.margin >= 1 {
		return withCode(exitUsage, fmt.Errorf("--margin %g: want at least 0 and less than 1, such as 0.03", o.margin))
	}
	if o.failOn != "worse" && o.failOn != "none" {
		return withCode(exitUsage, fmt.Errorf("--fail-on %q: want worse or none", o.failOn))
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
	if worse := report.Worse(cmp); o.failOn == "worse" && len(worse) > 0 {
		return withCode(exitSLO, fmt.Errorf("worse: %s", strings.Join(worse, "; ")))
	}
	return nil
}

// comparable refuses runs whose comparison would say nothing of the server.
func comparable(a, b *rundir.Run, force bool) ([]notice.Notice, error) {
	refusals, warnings, subjects := analysis.Comparability(a, b)
	if len(refusals) > 0 && !force {
		return nil, withCode(exitUsage, errors.New("the runs cannot be compared: "+strings.Join(notice.Texts(refusals), " ")),
			"Use --force to compare them anyway.")
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
