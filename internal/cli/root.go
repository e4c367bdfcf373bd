// Package cli is the command line of sweep: its commands, their flags, the exit
// codes, and what a run shows while it goes on.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Main runs the program and returns its exit code.
func Main(sys *System) int {
	defer func() {
		if sys.screen != nil {
			sys.screen.Close()
		}
	}()
	root := newRoot(sys)
	root.SetArgs(sys.Args)
	err := root.ExecuteContext(context.Background())
	var coded *codedError
	if errors.As(err, &coded) && coded.err == nil {
		return coded.code
	}
	if err != nil {
		sys.say("sweep: %v", err)
		if coded != nil {
			for _, h := range coded.hints {
				sys.say("%s", h)
			}
		}
	}
	return exitCode(err)
}

func newRoot(sys *System) *cobra.Command {
	root := &cobra.Command{
		Use:   "sweep",
		Short: "Find the vLLM flags that serve your load best",
		Long: `sweep finds the vLLM flags that serve your load best.

A YAML file declares the flags to vary and the loads to serve. sweep restarts
the server for every configuration, measures it in randomized rounds, separates
noise from effect, and recommends a configuration per use case.`,
		Example: `  sweep init                          write a commented experiment.yaml
  sweep plan experiment.yaml          show what will run and for how long
  sweep run experiment.yaml           measure; the report is in runs/NAME/TIME/report
  sweep status runs/NAME/TIME         show how far the run is
  sweep bench http://127.0.0.1:8000   load a running server once`,
		Version:                    programVersion(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.Args = known(root)
	root.SetVersionTemplate("sweep {{.Version}}\n")
	root.SetOut(sys.Stdout)
	root.SetErr(sys.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "write", Title: "Write an experiment:"},
		&cobra.Group{ID: "run", Title: "Measure:"},
		&cobra.Group{ID: "read", Title: "Read results:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("write", newInit(sys), newValidate(sys), newPlan(sys), newDoctor(sys), newSchema(sys))
	add("run", newRun(sys), newBench(sys), newCalibrate(sys), newImport(sys))
	add("read", newStatus(sys), newAnalyze(sys), newCompare(sys), newPlot(sys), newReport(sys), newExport(sys), newServe(sys), newExplain(sys))
	add("run", newClean(sys))
	root.AddCommand(newReference(sys), newVersion(sys))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = known(root)
		case "completion":
			c.Args, c.RunE = known(c), func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	return root
}

// exactly asks for the named positional arguments.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return misused(cmd, fmt.Errorf("%s takes %s, got %s", cmd.Name(), cmp.Or(strings.Join(names, " "), "no arguments"), say.Count(len(args), "argument")))
	}
}
