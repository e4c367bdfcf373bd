package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher/preflight"
)

// simulatorProgram is the simulated server: a program of its own, of which
// sweep knows what it prints and serves, and nothing else.
const simulatorProgram = "vllm-sim"

var errNoSimulator = errors.New("find the simulated server: the program vllm-sim is neither in sweep's folder " +
	"nor in PATH. Run 'make build', which builds both, " +
	"or 'go install github.com/vllm-sweep/sweep/sim/cmd/vllm-sim@latest'")

// simulator is the command line of the simulated server that an experiment
// asks for, without its model and flags; nil where it asks for another server.
func (sys *System) simulator(s experiment.Server) ([]string, error) {
	if s.Simulated == nil {
		return nil, nil
	}
	path := filepath.Join(filepath.Dir(sys.Self), simulatorProgram)
	if _, err := exec.LookPath(path); err != nil {
		if path, err = exec.LookPath(simulatorProgram); err != nil {
			return nil, withCode(exitEnvironment, errNoSimulator)
		}
	}
	command := []string{
		path, "serve",
		"--sim-gpu", s.Simulated.GPU,
		"--sim-gpus", strconv.Itoa(s.Simulated.GPUs),
		"--sim-speedup", strconv.FormatFloat(s.Simulated.Speedup, 'g', -1, 64),
	}
	return append(command, s.Simulated.Args...), nil
}

// askSimulator has the simulated server tell the release that it plays and the
// GPUs of its machine. What it does not tell is not checked before the run; the
// run says why.
func (sys *System) askSimulator(ctx context.Context, e *experiment.Experiment, h *preflight.Host) {
	command, err := sys.simulator(e.Server)
	if command == nil || err != nil {
		return
	}
	command[1] = "describe"
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
	var told struct {
		Version string
		GPUs    []struct {
			Name   string
			Memory float64 `json:"memory_bytes"`
		}
	}
	if err != nil || json.Unmarshal(out, &told) != nil {
		return
	}
	h.Simulator = told.Version
	for _, g := range told.GPUs {
		h.GPUs = append(h.GPUs, preflight.GPU{Name: g.Name, Memory: g.Memory})
	}
}
