package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/plots"
)

func newAnalyze(sys *System) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "analyze DIR",
		Short: "Analyse a run again and print the findings; nothing is written",
		Example: `  sweep analyze runs/acme-support-bot/20261123-221004
  sweep analyze --json DIR | jq '.recommendations[] | {use_case, label, command}'`,
		Args: exactly("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := readResults(args[0])
			if err != nil {
				return err
			}
			for _, w := range r.run.Warnings {
				fmt.Fprintf(sys.Stderr, "warning: %s\n", w)
			}
			if asJSON {
				return writeJSON(sys, r.findings)
			}
			return r.findings.WriteText(sys.Stdout)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON (docs/run-directory.md)")
	return cmd
}

func newPlot(sys *System) *cobra.Command {
	var (
		figures, formats []string
		theme, out       string
	)
	cmd := &cobra.Command{
		Use:   "plot DIR",
		Short: "Draw the figures of a run again, as PNG, SVG and CSV",
		Example: `  sweep plot runs/acme-support-bot/20261123-221004
  sweep plot --figure frontier-chat --format svg --theme dark --out slides DIR`,
		Args: exactly("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := readResults(args[0])
			if err != nil {
				return err
			}
			for _, f := range formats {
				if !slices.Contains([]string{plots.PNG, plots.SVG, plots.CSV}, f) {
					return withCode(exitUsage, fmt.Errorf("unknown format %q: want png, svg or csv", f))
				}
			}
			th, err := plots.ThemeNamed(theme)
			if err != nil {
				return withCode(exitUsage, err)
			}
			if out == "" {
				out = filepath.Join(r.run.ReportDir(), "figures")
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			names, err := plots.Render(out, r.plotInput(), plots.Options{Figures: figures, Formats: formats, Theme: th})
			if err != nil {
				return err
			}
			for _, n := range names {
				fmt.Fprintln(sys.Stdout, filepath.Join(out, n))
			}
			for _, a := range plots.Absent(r.plotInput()) {
				fmt.Fprintf(sys.Stderr, "%s is not drawn: %s\n", a.Name, a.Reason)
			}
			if len(names) == 0 {
				return errors.New("the run yields no figure yet")
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&figures, "figure", nil, "draw only these figures (repeatable)")
	cmd.Flags().StringSliceVar(&formats, "format", nil, "write only these of png, svg, csv")
	cmd.Flags().StringVar(&theme, "theme", "light", "light or dark")
	cmd.Flags().StringVar(&out, "out", "", "`directory` to write to (default DIR/report/figures)")
	return cmd
}

func newReport(sys *System) *cobra.Command {
	return &cobra.Command{
		Use:     "report DIR",
		Short:   "Write the report of a run again: HTML, Markdown, CSV, JSON, figures",
		Example: `  sweep report runs/acme-support-bot/20261123-221004`,
		Args:    exactly("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := exportRun(args[0], true); err != nil {
				return err
			}
			fmt.Fprintln(sys.Stdout, filepath.Join(args[0], "report", "index.html"))
			return nil
		},
	}
}
