package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/notice"
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
		backends.Resolve(&e.Server, sys.LookupEnv)
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
	cmd.Flags().BoolVar(strict, "strict", false, "treat warnings as errors, including those about configurations that cannot start")
}

// extent is the size of a plan in a few words.
func extent(p *matrix.Plan) string {
	return fmt.Sprintf("%s × %s, %s, %s", say.Count(len(p.Configurations), "configuration"), say.Count(len(p.LoadPoints), "load point"),
		say.Count(p.Estimate.Starts, "launch", "launches"), say.Count(p.Estimate.Trials, "trial"))
}

func writeJSON(sys *System, v any) error {
	enc := json.NewEncoder(sys.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
