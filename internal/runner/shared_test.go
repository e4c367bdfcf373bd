package runner

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Which limits the client is judged by, as far as that is known beforehand.
func TestClientLimits(t *testing.T) {
	const here, far = "http://127.0.0.1:8000", "http://192.0.2.1:8000"
	process, blind := experiment.Server{Process: &experiment.Process{}}, map[string]string{"CUDA_VISIBLE_DEVICES": ""}
	container := func(gpus string) experiment.Server {
		return experiment.Server{Podman: &experiment.Container{GPUs: gpus}}
	}
	endpoint := experiment.Server{Endpoint: &experiment.Endpoint{URL: here}}
	for name, c := range map[string]struct {
		server   experiment.Server
		env      map[string]string
		declared string
		base     string
		shared   bool // for certain
		beside   bool
	}{
		"simulated":                      {experiment.Server{Simulated: &experiment.Simulated{}}, nil, "", here, true, true},
		"simulated, declared strict":     {experiment.Server{Simulated: &experiment.Simulated{}}, nil, experiment.ClientStrict, here, false, false},
		"a process without a GPU":        {process, blind, experiment.ClientAuto, here, true, true},
		"a container without a GPU":      {container("none"), nil, experiment.ClientAuto, here, true, true},
		"a container with GPUs":          {container("all"), nil, experiment.ClientAuto, here, false, true},
		"a container on another machine": {container("none"), nil, experiment.ClientAuto, far, false, false},
		"an endpoint here":               {endpoint, nil, experiment.ClientAuto, here, false, true},
		"an endpoint elsewhere":          {endpoint, nil, experiment.ClientAuto, far, false, false},
		"elsewhere, declared":            {endpoint, nil, experiment.ClientShared, far, true, true},
		"here, declared strict":          {process, blind, experiment.ClientStrict, here, false, false},
	} {
		r := &run{Options: Options{Experiment: &experiment.Experiment{Server: c.server, Gates: experiment.Gates{Client: c.declared}}}, env: c.env}
		l, beside := r.clientLimits(c.base)
		if l.Shared != c.shared || beside != c.beside || l.Shared && l.Why == "" || c.declared == experiment.ClientStrict && l != loadgen.Strict() {
			t.Errorf("%s: %+v, beside %v; want shared %v, beside %v", name, l, beside, c.shared, c.beside)
		}
	}
}

// The reason of a trial that the client spoiled says what to do.
func TestReasonNamesTheWayOut(t *testing.T) {
	for name, c := range map[string]struct {
		limits   loadgen.Limits
		strained bool
		want     string
	}{
		"strict":       {loadgen.Strict(), true, "late; give the client processors of its own (taskset, cpuset) or another machine; where it must share the server's processors, gates: {client: shared} allows for that"},
		"shared":       {loadgen.Shared(), true, "late; the machine is too busy even for the limits of a shared one: lower the load"},
		"another kind": {loadgen.Strict(), false, "late"},
	} {
		r := &run{Options: Options{Experiment: &experiment.Experiment{Gates: experiment.Gates{Failures: 1}}}}
		rec := &rundir.Trial{Requests: map[string]int{"ok": 1}, Metrics: map[string]float64{"ttft_mean": 1}}
		r.judge(rec, &loadgen.Result{Invalid: []string{"late"}, Client: loadgen.Client{Limits: c.limits, Strained: c.strained}}, nil, nil, nil)
		if len(rec.Reasons) != 1 || !strings.HasPrefix(rec.Reasons[0], c.want) || !c.strained && rec.Reasons[0] != c.want {
			t.Errorf("%s: %q, want %q", name, rec.Reasons, c.want)
		}
	}
}
