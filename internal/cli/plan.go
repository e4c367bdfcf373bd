package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPlan(sys *System) *cobra.Command {
	var asJSON, strict bool
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show what a run will do and how long it will take",
		Example: `  sweep plan experiment.yaml
  sweep plan --json experiment.yaml | jq .estimate`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := sys.load(cmd.Context(), args[0], "text", strict)
			if err != nil {
				return err
			}
			sys.notes(l.notes)
			if asJSON {
				return writeJSON(sys, l.plan)
			}
			if err := l.plan.WriteText(sys.Stdout); err != nil {
				return err
			}
			for _, n := range l.before.Skipped(l.plan) {
				fmt.Fprintf(sys.Stdout, "\n%s\n", n)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON")
	strictFlag(cmd, &strict)
	return cmd
}
