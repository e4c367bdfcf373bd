// Package backends turns the server block of an experiment into what its
// servers are launched with on this machine: the backend, the engine, the
// environment, the GPUs, and on what they compute. Only the commands import it:
// the runner is handed the result.
package backends

import (
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/docker"
	"github.com/vllm-sweep/sweep/launcher/endpoint"
	"github.com/vllm-sweep/sweep/launcher/llamacpp"
	"github.com/vllm-sweep/sweep/launcher/podman"
	"github.com/vllm-sweep/sweep/launcher/process"
	"github.com/vllm-sweep/sweep/launcher/sglang"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

// Setup resolves what the experiment says of its server. simulator and progress
// are those of New. An error wraps launcher.ErrEnvironment: a variable or a file that
// the server block refers to is not there.
func Setup(s experiment.Server, simulator []string, lookup func(string) (string, bool),
	progress func(string)) (launcher.Setup, error) {
	env, err := resolve(s, lookup)
	if err != nil {
		return launcher.Setup{}, err
	}
	tls, err := trust(s)
	if err != nil {
		return launcher.Setup{}, err
	}
	own := func(name string) (string, bool) { // a variable as the server sees it
		if v, given := env.values[name]; given {
			return v, true
		}
		return lookup(name)
	}
	return launcher.Setup{
		Backend: New(s, simulator, progress), Engine: engine(s.Engine), Env: env.values, Secrets: env.secrets,
		APIKey: env.key, TLS: tls,
		GPUs: GPUs(s, lookup), Running: s.Endpoint != nil, Simulated: s.Simulated != nil,
		Compute: func() (string, notice.Code) { return compute(s, own) },
	}, nil
}

// engine is what is known of the experiment's engine; nil: nothing in
// particular.
func engine(name string) *launcher.Engine {
	switch name {
	case experiment.EngineVLLM:
		return vllm.Engine()
	case experiment.EngineSGLang:
		return sglang.Engine()
	case experiment.EngineLlamaCPP:
		return llamacpp.Engine()
	}
	return nil
}

// New makes the backend that an experiment asks for. simulator is the command
// line of the simulated server, for experiments on one. progress takes the lines
// of an image pull.
func New(s experiment.Server, simulator []string, progress func(string)) launcher.Backend {
	switch {
	case s.Podman != nil:
		return podman.New(containerOptions(s.Podman, progress))
	case s.Docker != nil:
		return docker.New(containerOptions(s.Docker, progress))
	case s.Process != nil:
		p := s.Process
		return process.New(process.Options{Command: p.Command, ModelArg: p.ModelArg, Dir: p.Dir})
	case s.Endpoint != nil:
		return endpoint.New(s.Endpoint.URL)
	default:
		return process.New(process.Options{Command: simulator, ModelArg: launcher.ModelFlag})
	}
}

func containerOptions(c *experiment.Container, progress func(string)) podman.Options {
	return podman.Options{
		Image: c.Image, Command: c.Command, ModelArg: c.ModelArg, GPUs: c.GPUs, Volumes: c.Volumes,
		Network: c.Network, Port: c.Port,
		IPC: c.IPC, ShmSize: c.ShmSize, Pull: c.Pull, Socket: c.Socket, Connection: c.Connection, User: c.User,
		Memory: c.Memory, CPUs: c.CPUs, CPUSet: c.CPUSet, Progress: progress,
	}
}
