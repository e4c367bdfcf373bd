package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/doctor"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher/docker"
	"github.com/vllm-sweep/sweep/launcher/podman"
)

func newDoctor(sys *System) *cobra.Command {
	var asJSON bool
	var out string
	cmd := &cobra.Command{
		Use:   "doctor [FILE]",
		Short: "Check whether this machine is ready for a run",
		Long: `Check whether this machine is ready for a run: container services, GPUs and their
driver, limits, disks, clocks, model cache and ports. With an experiment file,
also check what the experiment needs: its image, its variables and its model.

doctor starts nothing and changes nothing. Exit code 6: a check failed.`,
		Example: `  sweep doctor
  sweep doctor experiment.yaml
  sweep doctor --json | jq '.checks[] | select(.status != "ok")'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o := sys.doctorOptions(out)
			if len(args) == 1 {
				l, err := sys.load(cmd.Context(), args[0], "text", false)
				if err != nil {
					return err
				}
				sys.notes(l.notes)
				sys.examineFor(&o, l.Experiment)
			}
			return sys.examine(cmd.Context(), o, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the checks as JSON")
	cmd.Flags().StringVar(&out, "out", "runs", "`directory` in which sweep would create run directories")
	return cmd
}

func (sys *System) doctorOptions(out string) doctor.Options {
	o := doctor.Options{LookupEnv: sys.LookupEnv, Dir: out, OpenGPUs: telemetry.OpenGPUs, Lateness: doctor.MeasureLateness}
	if home, err := os.UserHomeDir(); err == nil {
		o.Home = home
	}
	o.Service = func(ctx context.Context, name string) (string, string, error) {
		return service(ctx, name, experiment.Container{})
	}
	return o
}

// examineFor adds what an experiment needs.
func (sys *System) examineFor(o *doctor.Options, e *experiment.Experiment) {
	o.Experiment = e
	s := e.Server
	o.Service = func(ctx context.Context, name string) (string, string, error) {
		if c := s.Container(); c != nil && s.Backend() == name {
			return service(ctx, name, *c)
		}
		return service(ctx, name, experiment.Container{})
	}
	o.Environment = func() error { return backends.CheckEnvironment(s, sys.LookupEnv) }
	o.Backend = func(ctx context.Context) error {
		if c := s.Container(); c != nil { // whether the image is here, and nothing is fetched
			local := *c
			local.Pull = podman.PullNever
			if s.Docker != nil {
				s.Docker = &local
			} else {
				s.Podman = &local
			}
		}
		simulator, err := sys.simulator(s)
		if err != nil {
			return err
		}
		return backends.New(s, simulator, nil).Check(ctx)
	}
}

// service asks a container service for its version.
func service(ctx context.Context, name string, c experiment.Container) (version, address string, err error) {
	o := podman.Options{Image: "localhost/none:none", Socket: c.Socket, Connection: c.Connection}
	b := podman.New(o)
	if name == "docker" {
		b = docker.New(o)
	}
	e, err := b.Engine(ctx)
	if err != nil {
		return "", "", err
	}
	defer e.Close()
	return e.Version(), e.Address(), nil
}

var errUnfit = errors.New("this machine is not ready for the run: see above")

func (sys *System) examine(ctx context.Context, o doctor.Options, asJSON bool) error {
	checks := doctor.Examine(ctx, o)
	var err error
	if asJSON {
		err = writeJSON(sys, map[string]any{"fit": !doctor.Failed(checks), "checks": checks})
	} else {
		err = doctor.WriteText(sys.Stdout, checks)
	}
	if err == nil && doctor.Failed(checks) {
		err = withCode(exitEnvironment, errUnfit)
	}
	return err
}

// unfit examines the machine before a run on real GPUs. What is doubtful is
// said, and returned for the run's record; what fails ends the command, and
// with --strict so does what is doubtful.
func (sys *System) unfit(ctx context.Context, e *experiment.Experiment, o runOptions) ([]notice.Notice, error) {
	if e.Server.Simulated != nil || e.Server.Endpoint != nil {
		return nil, nil
	}
	options := sys.doctorOptions(o.out)
	sys.examineFor(&options, e)
	options.Lateness = nil // each trial says how late its client was
	var doubts []notice.Notice
	failed := false
	for _, c := range doctor.Examine(ctx, options) {
		if c.Status == doctor.OK {
			continue
		}
		n := c.Notice()
		label := "warning"
		if c.Status == doctor.Failure {
			label, failed = "error", true
		}
		sys.say("%s: %s", label, n)
		doubts = append(doubts, n)
	}
	if failed || o.strict && len(doubts) > 0 {
		return nil, withCode(exitEnvironment, errUnfit, "'sweep doctor "+say.ShellWord(e.File)+"' shows all checks.")
	}
	return doubts, nil
}
