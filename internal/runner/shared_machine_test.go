package runner

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
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
		r := &loads{experiment: &experiment.Experiment{Server: c.server, Gates: experiment.Gates{Client: c.declared}}, env: c.env}
		l, beside := r.clientLimits(c.base)
		if l.Shared != c.shared || beside != c.beside || l.Shared && l.Why == nil || c.declared == experiment.ClientStrict && l != loadgen.Strict() {
			t.Errorf("%s: %+v, beside %v; want shared %v, beside %v", name, l, beside, c.shared, c.beside)
		}
	}
}

// What is said of the cores that vLLM's threads are bound to, and how one of
// them is left to the client.
func TestSpareCore(t *testing.T) {
	const set, leave = "Set VLLM_CPU_OMP_THREADS_BIND=", " in the server's environment to leave core "
	for name, c := range map[string]struct {
		bound        launcher.Cores
		usable       []int
		text, remedy string
	}{
		"all":                   {"0-1", []int{0, 1}, "vLLM binds its threads to cores 0-1, which are all", set + "0" + leave + "1 to the load generator."},
		"a core is left":        {"0-2", []int{0, 1, 2, 3}, "vLLM binds its threads to cores 0-2 and leaves core 3 to the load generator.", ""},
		"not told":              {"", []int{0, 1, 2, 3}, "vLLM's log does not say", set + "0-2" + leave + "3 to"},
		"two workers":           {"0-3|4-7", []int{0, 1, 2, 3, 4, 5, 6, 7}, "vLLM binds its threads to cores 0-7", set + "0-3|4-6" + leave + "7 to"},
		"a core per worker":     {"0|1", []int{0, 1}, "vLLM binds its threads to cores 0-1", ""},
		"the last has one core": {"0,2|1", []int{0, 1, 2}, "vLLM binds its threads to cores 0-2", set + "0|1" + leave + "2 to"},
		"the client is pinned":  {"0-3", []int{1}, "vLLM binds its threads to cores 0-3", set + "0,2-3" + leave + "1 to"},
		"one core":              {"0", []int{0}, "vLLM binds its threads to core 0, which are all", ""},
		"one core, not told":    {"", []int{0}, "", ""},
	} {
		said := spareCore(c.bound, c.usable)
		text, remedy := strings.Join(notice.Texts(said), ""), strings.Join(notice.Remedies(said), "")
		if !strings.HasPrefix(text, c.text) || !strings.HasPrefix(remedy, c.remedy) || (c.text == "") != (text == "") || (c.remedy == "") != (remedy == "") {
			t.Errorf("%s: %q: %q, want %q: %q", name, text, remedy, c.text, c.remedy)
		}
	}
	if len(usableCores()) == 0 {
		t.Error("this process may use no core")
	}
}

// Only of a vLLM on processors is anything said of its threads.
func TestSharedMachineNamesTheBinding(t *testing.T) {
	for _, c := range []struct {
		engine, compute string
		want            bool
	}{
		{experiment.EngineVLLM, launcher.ComputeCPU, true}, {experiment.EngineVLLM, launcher.ComputeGPU, false}, {experiment.EngineLlamaCPP, launcher.ComputeCPU, false},
	} {
		heard := &notes{}
		r := &session{Options: Options{Observer: heard, Experiment: &experiment.Experiment{Server: experiment.Server{Engine: c.engine}}}}
		server := &launcher.Server{Compute: c.compute, Logged: launcher.Logged{Cores: "0-1023"}}
		limits := loadgen.Shared()
		limits.Why = new(notice.New("declared", nil))
		for range 2 {
			r.tellShared(loadgen.Client{Limits: limits}, server)
		}
		if len(heard.lines) != 1 || strings.Contains(heard.lines[0], "VLLM_CPU_OMP_THREADS_BIND=") != c.want {
			t.Errorf("%+v: %q", c, heard.lines)
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
		"strict":       {loadgen.Strict(), true, "If it must share the server's CPUs, allow for that with gates.client: shared."},
		"shared":       {loadgen.Shared(), true, "lower the load, or run sweep on another machine."},
		"another kind": {loadgen.Strict(), false, ""},
	} {
		r := &lane{session: &session{Options: Options{Experiment: &experiment.Experiment{Gates: experiment.Gates{Failures: 1}}}}}
		rec := &rundir.Trial{Requests: map[string]int{"ok": 1}, Metrics: map[string]float64{"ttft_mean": 1}}
		reason := notice.New("client-no-connection", notice.Args{"n": notice.Count(1), "error": notice.Text("no port")})
		if c.strained {
			reason = notice.New("client-behind", notice.Args{"due": notice.Count(9), "sent": notice.Count(1)})
		}
		r.judge(rec, &loadgen.Result{Invalid: []notice.Notice{reason}, Client: loadgen.Client{Limits: c.limits, Strained: c.strained}}, nil, nil, nil)
		remedy := strings.Join(notice.Remedies(rec.Reasons), " ")
		if len(rec.Reasons) != 1 || !strings.HasSuffix(remedy, c.want) || (remedy == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, rec.Reasons, c.want)
		}
	}
}
