package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/docker"
	"github.com/vllm-sweep/sweep/launcher/podman"
	"github.com/vllm-sweep/sweep/launcher/process"
)

type cleanOptions struct {
	dryRun     bool
	force      bool
	socket     string
	connection string
	docker     string
}

// serviceTimeout bounds the questions to one container service.
const serviceTimeout = 2 * time.Minute

func newClean(sys *System) *cobra.Command {
	var o cleanOptions
	cmd := &cobra.Command{
		Use:   "clean [DIR...]",
		Short: "Remove the servers that dead runs left behind",
		Long: `Remove the containers and processes that runs on this machine left behind when
they were killed. A run that still works is left alone: its directory is locked.
With DIR only the servers of those runs are removed.

A killed run that is resumed removes its own first; sweep clean is for the
others. Containers are looked for where podman and docker are found without
being told; --socket, --connection and --docker name other services.`,
		Example: `  sweep clean --dry-run
  sweep clean
  sweep clean runs/acme-support-bot/20261123-221004`,
		RunE: func(cmd *cobra.Command, args []string) error { return sys.clean(cmd.Context(), args, o) },
	}
	cmd.Flags().BoolVarP(&o.dryRun, "dry-run", "n", false, "list, remove nothing")
	cmd.Flags().BoolVar(&o.force, "force", false, "remove also what belongs to a run whose directory cannot be seen from here")
	cmd.Flags().StringVar(&o.socket, "socket", "", "`address` of the podman service")
	cmd.Flags().StringVar(&o.connection, "connection", "", "`name` of a podman connection")
	cmd.Flags().StringVar(&o.docker, "docker", "", "`address` of the docker service")
	return cmd
}

// cleaner is a backend that lists what runs left.
type cleaner interface {
	launcher.Backend
	Leftovers(ctx context.Context) ([]launcher.Leftover, error)
}

// clean lists and removes what dead runs left.
func (sys *System) clean(ctx context.Context, dirs []string, o cleanOptions) error {
	var wanted []string
	for _, d := range dirs {
		abs, err := filepath.Abs(d)
		if err != nil {
			return err
		}
		// A run killed at its very beginning has no plan yet.
		if _, err := os.Stat(filepath.Join(abs, "journal.jsonl")); err != nil {
			return withCode(exitUsage, fmt.Errorf("%s: %w", d, rundir.ErrNotRun), runHint)
		}
		wanted = append(wanted, abs)
	}
	var problems []error
	found, code := 0, exitFailed
	for _, b := range []struct {
		cleaner
		asked bool // for by the user: an absent one is an error
	}{
		{process.New(process.Options{}), true},
		{podman.New(podman.Options{Socket: o.socket, Connection: o.connection}), o.socket != "" || o.connection != ""},
		{docker.New(docker.Options{Socket: o.docker}), o.docker != ""},
	} {
		n, err := sys.cleanOne(ctx, b, wanted, o)
		found += n
		if err != nil && (b.asked || !errors.Is(err, launcher.ErrServiceAway)) {
			problems = append(problems, err)
			if errors.Is(err, launcher.ErrServiceAway) {
				code = exitEnvironment
			}
		}
	}
	if found == 0 && len(problems) == 0 {
		fmt.Fprintln(sys.Stdout, "nothing is left of any run")
	}
	if err := errors.Join(problems...); err != nil {
		return withCode(code, err)
	}
	return nil
}

// cleanOne cleans one world and counts what it found.
func (sys *System) cleanOne(ctx context.Context, b cleaner, wanted []string, o cleanOptions) (found int, err error) {
	ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
	defer cancel()
	left, err := b.Leftovers(ctx)
	if err != nil {
		return 0, err
	}
	var doomed []string // run IDs
	for _, l := range left {
		if len(wanted) > 0 && !slices.Contains(wanted, l.RunDir) {
			continue
		}
		found++
		state, dead := fate(l, o.force)
		fmt.Fprintf(sys.Stdout, "%s of run %s: %s\n", l.Name, l.RunID, state)
		if dead && !slices.Contains(doomed, l.RunID) {
			doomed = append(doomed, l.RunID)
		}
	}
	if o.dryRun {
		return found, nil
	}
	for _, id := range doomed {
		removed, cleanErr := b.Clean(ctx, id)
		for _, name := range removed {
			fmt.Fprintf(sys.Stdout, "removed %s\n", name)
		}
		err = errors.Join(err, cleanErr)
	}
	return found, err
}

// fate says whether a leftover may go, and why.
func fate(l launcher.Leftover, force bool) (state string, dead bool) {
	_, err := os.Stat(filepath.Join(l.RunDir, "journal.jsonl"))
	switch {
	case l.RunDir != "" && err == nil && rundir.Busy(l.RunDir):
		return "in use, the run still works in " + l.RunDir, false
	case l.RunDir != "" && err == nil:
		return "left over, nobody works in " + l.RunDir, true
	case force:
		return "its run directory cannot be seen from here (removed all the same)", true
	case l.RunDir == "":
		return "it does not tell its run directory; --force removes it", false
	default:
		return "its run directory " + l.RunDir + " cannot be seen from here; --force removes it if that run is dead", false
	}
}
