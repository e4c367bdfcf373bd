package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newReport(sys *System) *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Write the report of a run again: HTML, Markdown, CSV, JSON, Parquet and figures",
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
			if open {
				sys.openBrowser(index)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "open the report in a browser")
	return cmd
}
