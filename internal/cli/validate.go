package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

func newValidate(sys *System) *cobra.Command {
	var format string
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check an experiment file without starting anything",
		Example: `  sweep validate experiment.yaml
  sweep validate --format github-actions experiment.yaml`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "json", "github-actions"}, format) {
				return withCode(exitUsage, fmt.Errorf("--format %q: want text, json or github-actions", format))
			}
			l, err := sys.load(cmd.Context(), args[0], format, strict)
			if err != nil {
				return err
			}
			if format == "text" {
				p := l.plan
				fmt.Fprintf(sys.Stdout, "%s is valid: %s\n", args[0], extent(p))
				for _, n := range l.before.Skipped(p) {
					fmt.Fprintln(sys.Stdout, n)
				}
				for _, w := range p.Warnings {
					sys.say("warning: %s", w)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output `format`: text, json or github-actions")
	strictFlag(cmd, &strict)
	return cmd
}
