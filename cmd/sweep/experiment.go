package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher/preflight"
	"github.com/vllm-sweep/sweep/matrix"
)

// loaded is an experiment that was found good, with its plan and what is known
// of it before anything starts.
type loaded struct {
	*experiment.Experiment
	plan   *matrix.Plan
	before *preflight.Report
	notes  []notice.Notice // what could not be examined
}

// load reads an experiment file and its plan and examines both. Diagnostics go
// to stderr; errors among them end the command with exit code 4 before
// anything starts. With strict, doubts are errors.
func (sys *System) load(ctx context.Context, path, format string, strict bool) (*loaded, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && format == "text" {
		return nil, withCode(exitInvalid, fmt.Errorf("no such file: %s", path), fmt.Sprintf("To write one to start from: sweep init %s", say.ShellWord(path)))
	}
	e, ds := experiment.LoadFile(path)
	l := &loaded{Experiment: e}
	var planErr error
	if !ds.HasErrors() {
		runner.Resolve(&e.Server, sys.LookupEnv)
		if l.plan, planErr = matrix.New(e); planErr == nil {
			l.before, l.notes = sys.preflight(ctx, e, l.plan)
			ds = ds.Add(l.before.Diagnostics(e, l.plan, strict)...)
			if format != "text" { // as text, the commands say them with the plan
				for _, w := range l.plan.Warnings {
					ds = append(ds, experiment.Diagnose(experiment.Warning, w, experiment.Range{File: path}))
				}
			}
		}
	}
	if len(ds) > 0 || format != "text" {
		var text strings.Builder
		if err := ds.Write(&text, format, sys.Colour); err != nil {
			return nil, err
		}
		fmt.Fprint(sys.Stderr, sys.called(text.String()))
	}
	if ds.HasErrors() {
		return nil, quiet(exitInvalid)
	}
	if planErr != nil {
		return nil, withCode(exitInvalid, fmt.Errorf("%s: %w", e.File, planErr))
	}
	return l, nil
}

// strictFlag is the flag of the commands that examine an experiment.
func strictFlag(cmd *cobra.Command, strict *bool) {
	cmd.Flags().BoolVar(strict, "strict", false, "treat warnings as errors, also about configurations that cannot start")
}

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

// extent is the size of a plan in a few words.
func extent(p *matrix.Plan) string {
	return fmt.Sprintf("%s × %s, %s, %s", say.Count(len(p.Configurations), "configuration"), say.Count(len(p.LoadPoints), "load point"),
		say.Count(p.Estimate.Starts, "launch", "launches"), say.Count(p.Estimate.Trials, "trial"))
}

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

func newSchema(sys *System) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the experiment file, for editors",
		Example: `  sweep schema > experiment.schema.json
  # then, as the first line of experiment.yaml:
  # yaml-language-server: $schema=./experiment.schema.json`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			b, err := experiment.Schema()
			if err != nil {
				return err
			}
			_, err = sys.Stdout.Write(b)
			return err
		},
	}
}

func newInit(sys *System) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented experiment file to start from",
		Example: `  sweep init
  sweep init my-service.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "experiment.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			return writeStarter(sys, path, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return cmd
}

func writeStarter(sys *System, path string, force bool) error {
	name := filepath.Base(path)
	name = name[:len(name)-len(filepath.Ext(name))]
	if _, err := os.Lstat(path); err == nil && !force {
		return withCode(exitUsage, fmt.Errorf("%s already exists", path), "Choose another name, or use --force to overwrite it.")
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return withCode(exitUsage, fmt.Errorf("no such directory: %s", filepath.Dir(path)))
	}
	if err := atomicfile.WriteBytes(path, experiment.Starter(name)); err != nil {
		return err
	}
	fmt.Fprintf(sys.Stdout, "Wrote %s. It measures a simulated server until you choose another under server:. Next:\n  edit %s\n  %s\n  %s\n",
		path, path, sys.called("sweep plan "+say.ShellWord(path)), sys.called("sweep run "+say.ShellWord(path)))
	return nil
}

func writeJSON(sys *System, v any) error {
	enc := json.NewEncoder(sys.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
