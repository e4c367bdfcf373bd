package cli

import (
	"os"
	"os/user"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/hostlock"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// lockGPUs keeps other runs from the GPUs that the experiment's servers use.
// name is the run's. A server that uses none, or is simulated or somebody
// else's, takes no lock.
func (sys *System) lockGPUs(e *experiment.Experiment, gpus telemetry.GPUs, name string) (*hostlock.Locks, error) {
	s, host := e.Server, ""
	switch {
	case s.Compute == experiment.ComputeCPU:
		return &hostlock.Locks{}, nil
	case s.Container() != nil:
		host = remote(s.Container())
	case s.Process == nil || gpus == nil:
		return &hostlock.Locks{}, nil
	}
	owner := hostlock.Owner{PID: os.Getpid(), Run: name, Since: time.Now()}
	if u, err := user.Current(); err == nil {
		owner.User = u.Username
	}
	return hostlock.Hold(hostlock.Dir(sys.LookupEnv), host, backends.GPUs(s, sys.LookupEnv), owner)
}

// remote is the address of a service on another machine, "" for one on this.
func remote(c *experiment.Container) string {
	if c.Connection != "" {
		return c.Connection
	}
	if len(c.Socket) > 4 && c.Socket[:4] != "unix" {
		return c.Socket
	}
	return ""
}
