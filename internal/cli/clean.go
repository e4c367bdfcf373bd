package cli

import (
	"context"
	"errors"
	"fmt"
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
		Short: "Remove servers that killed runs left behind",
		Long: `Remove the containers and processes that killed runs left behind on this machine.
sweep does not touch a run that is still going, because its directory is locked.
With DIR, it removes only the servers of those runs.

A run that you resume removes its own servers first, so sweep clean is for the
others. It looks for containers in the default podman and docker services. Use
--socket, --connection and --docker to name other services.`,
		Example: `  sweep clean --dry-run
  sweep clean
  sweep clean runs/acme-support-bot/20261123-221004`,
		RunE: func(cmd *cobra.Command, args []string) error { return sys.clean(cmd.Context(), args, o) },
	}
	cmd.Flags().BoolVarP(&o.dryRun, "dry-run", "n", false, "list what would be removed")
	cmd.Flags().BoolVar(&o.force, "force", false, "also remove the servers of a run whose directory cannot be found")
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
		if !rundir.Begun(abs) {
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
		fmt.Fprintln(sys.Stdout, "nothing to remove")
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
	found := l.RunDir != "" && rundir.Begun(l.RunDir)
	switch {
	case found && rundir.Busy(l.RunDir):
		return "in use: the run is going on in " + l.RunDir, false
	case found:
		return "left over: no process works in " + l.RunDir, true
	case force:
		return "run directory not found; removed because of --force", true
	case l.RunDir == "":
		return "run directory unknown; use --force to remove it", false
	default:
		return "run directory " + l.RunDir + " not found; use --force to remove it if that run has ended", false
	}
}
