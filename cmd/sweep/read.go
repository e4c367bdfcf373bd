package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newAnalyze(sys *System) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "analyze DIR",
		Short: "Analyse a run again and print the findings; nothing is written",
		Example: `  sweep analyze runs/acme-support-bot/20261123-221004
  sweep analyze --json DIR | jq '.recommendations[] | {use_case, label, command}'`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeRuns,
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

func newReport(sys *System) *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Write the report of a run again: HTML, Markdown, CSV, JSON, Parquet, figures",
		Example: `  sweep report runs/acme-support-bot/20261123-221004
  sweep report --open DIR`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := exportRun(args[0], true); err != nil {
				return err
			}
			index := filepath.Join(args[0], "report", "index.html")
			fmt.Fprintln(sys.Stdout, index)
			if !open {
				return nil
			}
			return openBrowser(index)
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "open the page in a browser")
	return cmd
}
