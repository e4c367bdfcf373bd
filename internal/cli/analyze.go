package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
)

func newAnalyze(sys *System) *cobra.Command {
	var (
		asJSON    bool
		parts     shownParts
		frontiers []string
	)
	cmd := &cobra.Command{
		Use:   "analyze DIR",
		Short: "Print what a run recommends, without writing files",
		Long: `Analyze a run again and print its recommendations: what to change, what that
gains and costs, and what to know before you act on it. sweep writes no files.`,
		Example: `  sweep analyze runs/acme-support-bot/20261123-221004
  sweep analyze --table DIR             every configuration at every load
  sweep analyze --details DIR           the evidence: intervals, rivals, frontiers, checks
  sweep analyze --details --frontier itl_p99:output_throughput_per_gpu DIR
  sweep analyze --json DIR | jq '.recommendations[] | {use_case, label, command}'`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			axes, err := axesOf(frontiers)
			if err != nil {
				return withCode(exitUsage, err)
			}
			r, err := readResults(args[0], axes...)
			if err != nil {
				return err
			}
			for _, w := range r.run.Warnings {
				sys.say("warning: %s", w)
			}
			parts.details = parts.details || len(frontiers) > 0 // they are part of the details
			if asJSON {
				err = writeJSON(sys, r.findings)
			} else {
				var text string
				if text, err = sys.answer(r, args[0], parts); err == nil {
					_, err = io.WriteString(sys.Stdout, text)
				}
			}
			if err != nil {
				return err
			}
			if s := statusOfRun(r.run); s.Resume != "" {
				sys.toContinue(s.finished(), s.Planned, args[0])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON (docs/run-directory.md)")
	cmd.Flags().BoolVar(&parts.details, "details", false, "print the evidence of each recommendation, frontiers, interactions, checks and failures")
	cmd.Flags().BoolVar(&parts.table, "table", false, "print one table per load with every configuration")
	cmd.Flags().StringSliceVar(&frontiers, "frontier", nil, "with --details, also show the frontier of `X:Y`, X lower is better and Y higher is better (repeatable)")
	return cmd
}

// axesOf reads pairs of metrics: a latency, and a throughput.
func axesOf(pairs []string) ([]analysis.Axes, error) {
	var out []analysis.Axes
	for _, p := range pairs {
		x, y, _ := strings.Cut(p, ":")
		mx, errX := metric.Parse(x)
		my, errY := metric.Parse(y)
		if err := errors.Join(errX, errY); err != nil {
			return nil, fmt.Errorf("--frontier %q: %w", p, err)
		}
		if mx.Better != metric.Lower || my.Better != metric.Higher {
			return nil, fmt.Errorf("--frontier %q: want X:Y, where X is better when small and Y when large", p)
		}
		out = append(out, analysis.Axes{X: x, Y: y})
	}
	return out, nil
}
