package runner

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/llamacpp"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

// Which limits the client is judged by, as far as that is known beforehand.
func TestClientLimits(t *testing.T) {
	const here, far = "http://127.0.0.1:8000", "http://192.0.2.1:8000"
	cpu, gpu := computes(launcher.ComputeCPU), computes(launcher.ComputeGPU)
	simulated := gpu
	simulated.Simulated = true
	for name, c := range map[string]struct {
		server   launcher.Setup
		declared string
		base     string
		shared   bool // for certain
		beside   bool
	}{
		"simulated":                      {simulated, "", here, true, true},
		"simulated, declared strict":     {simulated, experiment.ClientStrict, here, false, false},
		"on processors":                  {cpu, experiment.ClientAuto, here, true, true},
		"on GPUs":                        {gpu, experiment.ClientAuto, here, false, true},
		"on another machine's":           {cpu, experiment.ClientAuto, far, false, false},
		"not known on what":              {computes(""), experiment.ClientAuto, here, false, true},
		"not known on what, elsewhere":   {computes(""), experiment.ClientAuto, far, false, false},
		"elsewhere, declared":            {computes(""), experiment.ClientShared, far, true, true},
		"on processors, declared strict": {cpu, experiment.ClientStrict, here, false, false},
	} {
		r := &loads{experiment: &experiment.Experiment{Gates: experiment.Gates{Client: c.declared}}, server: c.server}
		l, beside := r.clientLimits(c.base)
		if l.Shared != c.shared || beside != c.beside || l.Shared && l.Why == nil || c.declared == experiment.ClientStrict && l != loadgen.Strict() {
			t.Errorf("%s: %+v, beside %v; want shared %v, beside %v", name, l, beside, c.shared, c.beside)
		}
	}
}

// computes is a server of which that is known beforehand.
func computes(on string) launcher.Setup {
	return launcher.Setup{Compute: func() (string, notice.Code) { return on, notice.Known("declared") }}
}

// Only of a vLLM on processors is anything said of its threads.
func TestSharedMachineNamesTheBinding(t *testing.T) {
	if len(usableCores()) == 0 {
		t.Error("this process may use no core")
	}
	for _, c := range []struct {
		engine  *launcher.Engine
		compute string
		want    bool
	}{
		{vllm.Engine(), launcher.ComputeCPU, true}, {vllm.Engine(), launcher.ComputeGPU, false}, {llamacpp.Engine(),
			launcher.ComputeCPU, false}, {nil, launcher.ComputeCPU, false},
	} {
		heard := &notes{}
		r := &session{Options: Options{Observer: heard, Server: launcher.Setup{Engine: c.engine}}}
		server := &launcher.Server{Compute: c.compute, Logged: launcher.Logged{Cores: "0-1023"}}
		limits := loadgen.Shared()
		limits.Why = new(notice.New("declared", nil))
		for range 2 {
			r.tellShared(loadgen.Client{Limits: limits}, server)
		}
		if len(heard.lines) != 1 || strings.Contains(heard.lines[0], "VLLM_CPU_OMP_THREADS_BIND=") != c.want {
			t.Errorf("computes on %q, want %v: %q", c.compute, c.want, heard.lines)
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
