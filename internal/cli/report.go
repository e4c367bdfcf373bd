package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

func newReport(sys *System) *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Rebuild the report of a run: HTML, Markdown, CSV, JSON, Parquet and figures",
		Example: `  sweep report runs/acme-support-bot/20261123-221004
  sweep report --open DIR`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := writeReport(cmd.Context(), args[0], true); err != nil {
				return err
			}
			index := rundir.ReportPage(args[0])
			fmt.Fprintln(sys.Stdout, index)
			if open {
				sys.openBrowser(index)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "open the report in a browser")
	return cmd
}
