package backends

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher"
)

func TestMissingSecretIsAnEnvironmentError(t *testing.T) {
	s := experiment.Server{Podman: &experiment.Container{Env: []experiment.EnvVar{{Name: "HF_TOKEN",
		FromEnv: "MY_TOKEN"}, {Name: "OPEN", Value: "x"}}}}
	err := CheckEnvironment(s, func(string) (string, bool) { return "", false })
	if !errors.Is(err, launcher.ErrEnvironment) || !strings.Contains(err.Error(), "MY_TOKEN") {
		t.Errorf("err = %v", err)
	}
	got, err := Setup(s, nil, func(string) (string, bool) { return "hf_x", true }, nil)
	if err != nil || got.Env["HF_TOKEN"] != "hf_x" || got.Env["OPEN"] != "x" || !slices.Equal(got.Secrets,
		[]string{"hf_x"}) {
		t.Errorf("env %v, secrets %v, err %v", got.Env, got.Secrets, err)
	}
}

func TestAnAPIKeyIsASecretThatTheServerGetsToo(t *testing.T) {
	s := experiment.Server{APIKeyEnv: "KEY", Process: &experiment.Process{}}
	got, err := Setup(s, nil, func(string) (string, bool) { return "sk-1", true }, nil)
	if err != nil || got.APIKey != "sk-1" || got.Env[keyVariable] != "sk-1" || !slices.Equal(got.Secrets,
		[]string{"sk-1"}) {
		t.Errorf("env %v, secrets %v, key %q, err %v", got.Env, got.Secrets, got.APIKey, err)
	}
}

// Which backend, engine and GPUs a server block stands for, and on what its
// servers compute: as the server sees the environment, its own variables first.
func TestSetup(t *testing.T) {
	shell := func(name string) (string, bool) { return "0,1", name == "CUDA_VISIBLE_DEVICES" }
	blind := &experiment.Process{Env: []experiment.EnvVar{{Name: "CUDA_VISIBLE_DEVICES", Value: ""}}}
	for name, c := range map[string]struct {
		server   experiment.Server
		backend  string
		engine   string // "": none
		gpus     []int
		computes string
		running  bool
	}{
		"podman": {experiment.Server{Podman: &experiment.Container{GPUs: "none"},
			Engine: experiment.EngineVLLM}, "podman", "vllm", nil, launcher.ComputeCPU, false},
		"docker": {experiment.Server{Docker: &experiment.Container{GPUs: "2,3"},
			Engine: experiment.EngineSGLang}, "docker", "sglang", []int{2, 3}, launcher.ComputeGPU, false},
		"a process": {experiment.Server{Process: &experiment.Process{}, Compute: launcher.ComputeGPU,
			Engine: experiment.EngineLlamaCPP}, "process", "llama.cpp", []int{0, 1}, launcher.ComputeGPU, false},
		"blinded": {experiment.Server{Process: blind, Engine: experiment.EngineOther}, "process", "", nil,
			launcher.ComputeCPU, false},
		"an endpoint": {experiment.Server{Endpoint: &experiment.Endpoint{URL: "http://192.0.2.1:8000"}}, "endpoint",
			"", nil, "", true},
		"simulated": {experiment.Server{Simulated: &experiment.Simulated{GPUs: 2}, Engine: experiment.EngineVLLM},
			"process", "vllm", []int{0, 1}, launcher.ComputeGPU, false},
	} {
		got, err := Setup(c.server, nil, shell, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		engine := ""
		if got.Engine != nil {
			engine = got.Engine.Name
		}
		if on, _ := got.Compute(); got.Backend.Name() != c.backend || engine != c.engine || !slices.Equal(got.GPUs,
			c.gpus) || on != c.computes || got.Running != c.running {
			t.Errorf("%s: %s, engine %q, GPUs %v, computes on %q, running %v; want %+v", name, got.Backend.Name(),
				engine, got.GPUs, on, got.Running, c)
		}
	}
}
