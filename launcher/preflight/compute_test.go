package preflight

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
)

func TestCompute(t *testing.T) {
	container := func(gpus string) experiment.Server {
		return experiment.Server{Podman: &experiment.Container{GPUs: gpus}}
	}
	process := experiment.Server{Process: &experiment.Process{}}
	blind := experiment.Server{Process: &experiment.Process{Env: []experiment.EnvVar{{Name: "CUDA_VISIBLE_DEVICES", Value: ""}}}}
	endpoint := experiment.Server{Endpoint: &experiment.Endpoint{URL: "http://127.0.0.1:8000"}}
	declared := container("all")
	declared.Compute = experiment.ComputeCPU
	for name, c := range map[string]struct {
		server             experiment.Server
		accelerated, heard bool
		want               string
	}{
		"declared":                          {declared, true, false, "cpu"},
		"simulated":                         {experiment.Server{Simulated: &experiment.Simulated{}}, false, false, "gpu"},
		"a container without GPUs":          {container("none"), true, false, "cpu"},
		"a container with GPUs":             {container("0,1"), false, false, "gpu"},
		"a process, GPUs here":              {process, true, false, ""},
		"a process, no GPU here":            {process, false, false, "cpu"},
		"a process that sees none":          {blind, true, false, "cpu"},
		"an endpoint here, no GPU here":     {endpoint, false, true, "cpu"},
		"an endpoint here, GPUs here":       {endpoint, true, true, ""},
		"a tunnel, or an endpoint far away": {endpoint, false, false, ""},
	} {
		got, because := Compute(c.server, Host{
			Accelerated: func() bool { return c.accelerated }, Listens: func(string) bool { return c.heard },
		})
		if got != c.want || (because == "") != (got == "") {
			t.Errorf("%s: %q (%s), want %q", name, got, because, c.want)
		}
	}
	if got, because := Compute(process, Host{}); got != "" {
		t.Errorf("of a machine that nothing is known of: %q (%s)", got, because)
	}
}

// What listens may be a server, or what leads to one elsewhere.
func TestServes(t *testing.T) {
	for line, want := range map[string]bool{
		"/usr/bin/llama-server -m m.gguf --port 8080":             true,
		"/lib64/ld-linux-x86-64.so.2 /opt/bin/llama-server -m m":  true,
		"/venv/bin/python3 /venv/bin/vllm serve m --port 8000":    true,
		"python3 -m vllm.entrypoints.openai.api_server --model m": true,
		"VLLM::APIServer_0":                                         true,
		"ssh -N -L 8000:gpu:8000 gpu":                               false,
		"/venv/bin/python /venv/bin/vllm-router --port 8000":        false,
		"kubectl port-forward svc/vllm 8000":                        false,
		"/venv/bin/vllm bench serve --base-url http://127.0.0.1:80": false,
		"": false,
	} {
		if got := serves(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
