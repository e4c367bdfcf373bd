package runner

import (
	"fmt"
	"os"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/docker"
	"github.com/vllm-sweep/sweep/launcher/endpoint"
	"github.com/vllm-sweep/sweep/launcher/podman"
	"github.com/vllm-sweep/sweep/launcher/process"
)

// NewBackend makes the backend that an experiment asks for. simulator is the
// command line of the simulated server, for experiments on one. progress takes
// the lines of an image pull.
func NewBackend(s experiment.Server, simulator []string, progress func(string)) launcher.Backend {
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
		Image: c.Image, Command: c.Command, ModelArg: c.ModelArg, GPUs: c.GPUs, Volumes: c.Volumes, Network: c.Network, Port: c.Port,
		IPC: c.IPC, ShmSize: c.ShmSize, Pull: c.Pull, Socket: c.Socket, Connection: c.Connection, User: c.User,
		Memory: c.Memory, CPUs: c.CPUs, CPUSet: c.CPUSet, Progress: progress,
	}
}

// keyVariable is where vLLM takes its API key from.
const keyVariable = "VLLM_API_KEY"

// CheckEnvironment reports variables that the experiment refers to and that
// are not set. The error wraps ErrEnvironment.
func CheckEnvironment(s experiment.Server, lookup func(string) (string, bool)) error {
	_, _, _, err := serverEnv(s, lookup)
	return err
}

// serverEnv resolves the environment of the server and its API key, and lists
// the values that came by reference, which are secrets.
func serverEnv(s experiment.Server, lookup func(string) (string, bool)) (env map[string]string, secrets []string, key string, err error) {
	var vars []experiment.EnvVar
	switch {
	case s.Container() != nil:
		vars = s.Container().Env
	case s.Process != nil:
		vars = s.Process.Env
	}
	env = map[string]string{}
	for _, v := range vars {
		if v.FromEnv == "" && v.FromFile == "" {
			env[v.Name] = v.Value
			continue
		}
		value, err := referred(lookup, "the server's "+v.Name, v)
		if err != nil {
			return nil, nil, "", err
		}
		env[v.Name] = value
		if value != "" {
			secrets = append(secrets, value)
		}
	}
	if s.APIKeyEnv == "" {
		return env, secrets, "", nil
	}
	if key, err = referred(lookup, "server.api_key", experiment.EnvVar{FromEnv: s.APIKeyEnv}); err != nil {
		return nil, nil, "", err
	}
	// A server that we start shall ask for the same key.
	if _, given := env[keyVariable]; !given {
		env[keyVariable] = key
	}
	return env, append(secrets, key), key, nil
}

// referred is the value that a variable refers to: of another variable, or the
// content of a file without the line break at its end.
func referred(lookup func(string) (string, bool), what string, v experiment.EnvVar) (string, error) {
	if v.FromFile != "" {
		raw, err := os.ReadFile(v.FromFile)
		if err != nil {
			return "", fmt.Errorf("%w: %s is to come from a file that cannot be read: %w", ErrEnvironment, what, err)
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	}
	value, ok := lookup(v.FromEnv)
	if !ok {
		return "", fmt.Errorf("%w: %s is to come from the environment variable %s, which is not set: export it and try again",
			ErrEnvironment, what, v.FromEnv)
	}
	return value, nil
}
