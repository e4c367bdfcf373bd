package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/exporter"
)

func newExport(sys *System) *cobra.Command {
	var as, out string
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write a run in another tool's format",
		Long: `Write a run in a format that other tools and dashboards read:

  vllm-bench  one line per trial, like 'vllm bench serve --save-detailed'
  benchfmt    Go's benchmark format, for benchstat
  csv         one row per trial, one column per metric
  parquet     all requests of all trials in one table

Times to first token and latencies count from the actual send, as those tools
define them. See docs/interop.md.`,
		Example: `  sweep export runs/acme-support-bot/20261123-221004 --as vllm-bench --out results.jsonl
  sweep export DIR --as csv | column -ts,`,
		Args: exactly("DIR"),
		RunE: func(_ *cobra.Command, args []string) error { return sys.export(args[0], as, out) },
	}
	cmd.Flags().StringVar(&as, "as", "", strings.Join(exporter.Formats(), ", "))
	cmd.Flags().StringVar(&out, "out", "", "`file` to write (default: standard output)")
	return cmd
}

func (sys *System) export(path, as, out string) error {
	switch {
	case as == "":
		return withCode(exitUsage, fmt.Errorf("missing --as: want one of %s", strings.Join(exporter.Formats(), ", ")))
	case !slices.Contains(exporter.Formats(), as):
		return withCode(exitUsage, fmt.Errorf("--as %s: want one of %s", as, strings.Join(exporter.Formats(), ", ")))
	}
	if info, err := os.Stat(out); out != "" && err == nil && info.IsDir() {
		return withCode(exitUsage, fmt.Errorf("--out %s: want a file, not a directory", out))
	}
	run, err := readRun(path)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return exporter.Write(w, run, as, programVersion()) }
	if as == exporter.Benchfmt {
		write = func(w io.Writer) error {
			return analysis.WriteBenchfmt(w, run.Provenance.RunID, analysis.Input{Plan: run.Plan, Trials: run.Trials, Starts: run.Starts}, nil)
		}
	}
	if out != "" {
		return atomicfile.Write(out, write)
	}
	w := bufio.NewWriter(sys.Stdout)
	return errors.Join(write(w), w.Flush())
}
