package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/loadgen/reference"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

type calibrateOptions struct {
	out, output       string
	ttft, itl, window time.Duration
	json              bool
}

func newCalibrate(sys *System) *cobra.Command {
	var o calibrateOptions
	cmd := &cobra.Command{
		Use:   "calibrate FILE",
		Short: "Measure how accurate the load generator is on this machine",
		Long: `Run the loads of an experiment against a reference server whose timing is
known exactly, and store how far the load generator's figures are off: the noise
floor of each load point. 'sweep run' uses the floor. It never calls a difference
in latency better or worse if the difference is below the floor.

The reference server runs on this machine next to the client, so the floor
includes how they slow each other down. Exit code 3: the client cannot keep up with a load.`,
		Example: `  sweep calibrate experiment.yaml
  sweep calibrate --window 10s --out /data/runs experiment.yaml`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return sys.calibrate(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "runs", "`directory` of the runs; the floor is stored in NAME/floor.json there, where runs find it")
	f.StringVar(&o.output, "output", "", "`file` to store the floor in instead")
	f.DurationVar(&o.ttft, "ttft", 50*time.Millisecond, "time to first token of the reference server")
	f.DurationVar(&o.itl, "itl", 10*time.Millisecond, "time between tokens of the reference server")
	f.DurationVar(&o.window, "window", 0, "longest time per load point (default: as in the experiment)")
	f.BoolVar(&o.json, "json", false, "print the floor as JSON")
	return cmd
}

func (sys *System) calibrate(ctx context.Context, path string, o calibrateOptions) error {
	if o.ttft <= 0 || o.itl <= 0 || o.window < 0 {
		return withCode(exitUsage, errors.New("--ttft and --itl must be greater than 0, and --window must not be negative"))
	}
	ctx, release := sys.interruptible(ctx, func() { sys.say(stopText) })
	defer release()
	l, err := sys.load(ctx, path, "text", false)
	if err != nil {
		return err
	}
	e, p := l.Experiment, l.plan
	to := o.output
	if to == "" {
		to = filepath.Join(o.out, e.Name, rundir.FloorFile)
	}
	// An unwritable path must show before the load, not after.
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return withCode(exitEnvironment, err)
	}
	server, err := backends.Setup(e.Server, nil, sys.LookupEnv, nil)
	if err != nil {
		return err
	}
	floor, err := runner.MeasureFloor(ctx, runner.FloorOptions{
		Experiment: e, Plan: p, Server: server, LookupEnv: sys.LookupEnv, TTFT: o.ttft, ITL: o.itl, Window: o.window,
		Reference: []string{sys.Self, referenceCommand, "--ttft", o.ttft.String(), "--itl", o.itl.String()},
		Progress:  func(i, of int, label string) { fmt.Fprintf(sys.Stderr, "%d of %d: %s\n", i+1, of, label) },
	})
	if ctx.Err() != nil {
		return withCode(exitInterrupted, errors.New("interrupted; nothing was stored"))
	}
	if err != nil {
		return err
	}
	host := telemetry.ReadHost()
	floor.Host, floor.Cores, floor.SweepVersion = host.Name, host.Cores, programVersion()
	if err := rundir.WriteFloor(to, floor); err != nil {
		return err
	}
	if o.json {
		err = writeJSON(sys, floor)
	} else {
		err = writeFloor(sys.Stdout, floor)
		fmt.Fprintf(sys.Stdout, "\nstored in %s\n", to)
	}
	if err != nil {
		return err
	}
	for _, pt := range floor.Points {
		if len(pt.Invalid) > 0 {
			return quiet(exitSomeFailed)
		}
	}
	return nil
}

// writeFloor prints the errors of the usual metrics; "-" stands for one without
// enough requests.
func writeFloor(w io.Writer, f *rundir.Floor) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	columns := []string{"ttft_p50", "ttft_p95", "ttft_p99", "tpot_p50", "tpot_p99", "itl_p50", "itl_p99", "e2e_p50", "e2e_p95", "e2e_p99"}
	fmt.Fprintf(t, "reported - actual\trequests\t%s\n", strings.ReplaceAll(strings.Join(columns, "\t"), "_", " "))
	for _, p := range f.Points {
		if p.Skipped != "" {
			fmt.Fprintf(t, "%s\tnot measured: %s\n", p.Label, p.Skipped)
			continue
		}
		fmt.Fprintf(t, "%s\t%d", p.Label, p.Requests)
		for _, c := range columns {
			if v, ok := p.Errors[c]; ok {
				fmt.Fprintf(t, "\t%s", say.Metric(c, v))
			} else {
				fmt.Fprint(t, "\t-")
			}
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "The reference server itself was %s (p50) and %s (p99) late, which is part of these figures.\n",
		say.Seconds(f.LateP50), say.Seconds(f.LateP99))
	for _, p := range f.Points {
		for _, why := range p.Invalid {
			fmt.Fprintf(w, "DISCARDED %s: %s\n", p.Label, why)
		}
	}
	return nil
}

// adoptFloor copies the noise floor that lies beside the runs of an experiment
// into a new run. One of another machine says nothing here.
func (sys *System) adoptFloor(dir *rundir.Dir, runs, host string) error {
	from := filepath.Join(runs, rundir.FloorFile)
	floor, err := rundir.ReadFloor(from)
	if err != nil {
		return withCode(exitEnvironment, fmt.Errorf("%w; run 'sweep calibrate' to write it again", err))
	}
	if floor == nil {
		return nil
	}
	if floor.Host != host {
		sys.say("warning: %s was measured on %s and does not apply to %s; run 'sweep calibrate' here", from, floor.Host, host)
		return nil
	}
	return dir.WriteFloor(floor)
}

// referenceCommand is the hidden command of the reference server.
const referenceCommand = "reference-server"

func newReference(sys *System) *cobra.Command {
	var ttft, itl time.Duration
	cmd := &cobra.Command{
		Use: referenceCommand, Hidden: true, Args: exactly(),
		Short: "Serve what sweep calibrate measures the load generator against",
		RunE:  func(*cobra.Command, []string) error { return reference.Serve(ttft, itl, os.Stdin, sys.Stdout) },
	}
	cmd.Flags().DurationVar(&ttft, "ttft", 50*time.Millisecond, "time between the request and the first chunk")
	cmd.Flags().DurationVar(&itl, "itl", 10*time.Millisecond, "time between chunks")
	return cmd
}
