package backends

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/preflight"
)

// keyVariable is where vLLM takes its API key from.
const keyVariable = "VLLM_API_KEY"

// environment is that of the server.
type environment struct {
	values  map[string]string
	secrets []string // the values that came by reference
	key     string   // the API key; "": none
}

// CheckEnvironment reports variables that the experiment refers to and that
// are not set. The error wraps launcher.ErrEnvironment.
func CheckEnvironment(s experiment.Server, lookup func(string) (string, bool)) error {
	_, err := resolve(s, lookup)
	return err
}

// resolve looks up what the server's variables and its API key refer to.
func resolve(s experiment.Server, lookup func(string) (string, bool)) (environment, error) {
	var vars []experiment.EnvVar
	switch {
	case s.Container() != nil:
		vars = s.Container().Env
	case s.Process != nil:
		vars = s.Process.Env
	}
	env := environment{values: map[string]string{}}
	for _, v := range vars {
		value, err := v.Resolve("the server's "+v.Name, lookup)
		if err != nil {
			return env, fmt.Errorf("%w: %w", launcher.ErrEnvironment, err)
		}
		env.values[v.Name] = value
		if value != "" && v.Refers() {
			env.secrets = append(env.secrets, value)
		}
	}
	if s.APIKeyEnv == "" {
		return env, nil
	}
	var err error
	if env.key, err = (experiment.EnvVar{FromEnv: s.APIKeyEnv}).Resolve("server.api_key", lookup); err != nil {
		return env, fmt.Errorf("%w: %w", launcher.ErrEnvironment, err)
	}
	// A server that we start shall ask for the same key.
	if _, given := env.values[keyVariable]; !given {
		env.values[keyVariable] = env.key
	}
	env.secrets = append(env.secrets, env.key)
	return env, nil
}

// trust reads what an https endpoint is verified by.
func trust(s experiment.Server) (*tls.Config, error) {
	if s.Endpoint == nil {
		return nil, nil
	}
	c, err := loadgen.TLSFiles(s.Endpoint.TLS).Load()
	if err != nil {
		return nil, fmt.Errorf("%w: server.endpoint.tls: %w", launcher.ErrEnvironment, err)
	}
	return c, nil
}

// GPUs are the GPUs that an experiment's servers may use, as far as it says
// which; none where it does not say, or uses none.
func GPUs(s experiment.Server, lookup func(string) (string, bool)) []int {
	var list string
	switch {
	case s.Simulated != nil:
		var all []int
		for i := range s.Simulated.GPUs {
			all = append(all, i)
		}
		return all
	case s.Container() != nil:
		list = s.Container().GPUs
	case s.Process != nil:
		list, _ = lookup("CUDA_VISIBLE_DEVICES")
		for _, v := range s.Process.Env {
			if v.Name == "CUDA_VISIBLE_DEVICES" {
				list = v.Value
			}
		}
	}
	var out []int
	for part := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return nil // "all", "none", a UUID, a MIG device: not told by index
		}
		out = append(out, n)
	}
	return out
}

// Resolve fills in on what the servers of an experiment will compute, where the
// file does not declare it and this machine tells. Call it before the plan is
// made.
func Resolve(s *experiment.Server, lookup func(string) (string, bool)) {
	s.Compute, s.ComputeBecause = compute(*s, lookup)
}

// compute is preflight.Compute of this machine.
func compute(s experiment.Server, lookup func(string) (string, bool)) (on string, because notice.Code) {
	return preflight.Compute(s, preflight.Host{
		LookupEnv: lookup, Accelerated: loadgen.Accelerated,
		Listens: func(address string) bool { return loadgen.Here(address) && preflight.Listens(address) },
	})
}
