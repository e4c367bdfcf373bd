package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// FloorOptions are what the measurement of a noise floor needs.
type FloorOptions struct {
	Experiment *experiment.Experiment
	Plan       *matrix.Plan
	Server     launcher.Setup
	LookupEnv  func(string) (string, bool)
	// Reference starts the reference server: it prints its address, serves until its
	// standard input ends, and then prints how late its chunks were, p50 and p99
	// in microseconds.
	Reference []string
	TTFT, ITL time.Duration // of the reference server
	Window    time.Duration // longest window of a load point; 0: as planned
	// Progress is told of each load point before it is measured; may be nil.
	Progress func(i, of int, label string)
}

// MeasureFloor runs the planned loads against the reference server, each in the order of
// the plan, and returns how far the load generator is from the truth.
func MeasureFloor(ctx context.Context, o FloorOptions) (*rundir.Floor, error) {
	w, err := newLoads(o.Experiment, o.Server, o.LookupEnv)
	if err != nil {
		return nil, err
	}
	w.salt = "noise floor"
	m, err := startReference(ctx, o.Reference)
	if err != nil {
		return nil, err
	}
	floor := &rundir.Floor{Made: time.Now(), TTFT: o.TTFT.Seconds(), ITL: o.ITL.Seconds()}
	for i, p := range o.Plan.LoadPoints {
		if o.Progress != nil {
			o.Progress(i, len(o.Plan.LoadPoints), p.Label)
		}
		point, err := w.pointFloor(ctx, o, p, m.url)
		if err != nil {
			return nil, errors.Join(err, m.kill())
		}
		floor.Points = append(floor.Points, point)
	}
	floor.LateP50, floor.LateP99, err = m.end()
	return floor, err
}

// pointFloor measures one load point.
func (w *loads) pointFloor(ctx context.Context, o FloorOptions, p matrix.LoadPoint, url string) (rundir.PointFloor, error) {
	out := rundir.PointFloor{LoadPoint: p.ID, Label: p.Label}
	if p.Kind == experiment.Sweep && p.Value > 0 && p.Value < 1 {
		out.Skipped = "its rate is found on the server"
		return out, nil
	}
	l, err := w.named(p.Load)
	if err != nil {
		return out, err
	}
	cfg, err := w.config(l, p, o.Experiment.Trials.Seed, url, "reference")
	if err != nil {
		return out, err
	}
	// It is no server to be protected, waits for a slot are no error of the
	// client, and what the headers hold is nobody's business.
	cfg.Arrivals.MaxConcurrency, cfg.Headers = 0, nil
	if o.Window > 0 && (cfg.Duration == 0 || cfg.Duration > o.Window) {
		cfg.Duration = o.Window
	}
	res, err := loadgen.Run(ctx, cfg)
	if err != nil {
		return out, fmt.Errorf("measure the noise floor of %s: %w", p.Label, err)
	}
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Phase == loadgen.PhaseWindow && q.Class == loadgen.ClassOK {
			out.Requests++
		}
	}
	out.Window = (res.WindowEnd - res.WindowStart).Seconds()
	out.Errors, out.Invalid = loadgen.Noise(res, o.TTFT, o.ITL), res.Invalid
	return out, nil
}

// referenceServer is the server in a process of its own, so that its work is not
// taken for the client's.
type referenceServer struct {
	url    string
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

func startReference(ctx context.Context, command []string) (*referenceServer, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("start the reference server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reference server: %w", err)
	}
	m := &referenceServer{cmd: cmd, stdin: in, stdout: bufio.NewReader(out)}
	line, err := m.stdout.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start the reference server: %w", errors.Join(err, m.kill()))
	}
	m.url = strings.TrimSpace(line)
	return m, nil
}

// end stops the server and returns how late its chunks were, in seconds.
func (m *referenceServer) end() (p50, p99 float64, err error) {
	m.stdin.Close()
	line, readErr := m.stdout.ReadString('\n')
	_, _ = io.Copy(io.Discard, m.stdout) // its account of each request
	waitErr := m.cmd.Wait()
	if _, err := fmt.Sscan(line, &p50, &p99); err != nil {
		return 0, 0, fmt.Errorf("end the reference server: %w", errors.Join(err, readErr, waitErr))
	}
	return p50 / 1e6, p99 / 1e6, nil
}

func (m *referenceServer) kill() error {
	m.stdin.Close()
	m.cmd.Process.Kill() // it may be gone already
	var ended *exec.ExitError
	if err := m.cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return err
	}
	return nil
}
