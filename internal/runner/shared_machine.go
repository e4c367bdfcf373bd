package runner

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/preflight"
)

// clientLimits are the limits that the load generator is judged by against a
// server at an address: as declared, or those of a shared machine where the
// server computes on this machine's processors. The zero value with beside
// leaves it to what is measured inside the window.
func (w *loads) clientLimits(base string) (limits loadgen.Limits, beside bool) {
	shared := func(why notice.Code) (loadgen.Limits, bool) {
		l := loadgen.Shared()
		l.Why = new(notice.Read(why, nil))
		return l, true
	}
	s := w.experiment.Server
	switch w.experiment.Gates.Client {
	case experiment.ClientShared:
		return shared(notice.Known("declared"))
	case experiment.ClientStrict:
		return loadgen.Strict(), false
	}
	switch on, because := compute(s, w.ownEnv); {
	case s.Simulated != nil:
		return shared(notice.Known("simulated-here"))
	case !loadgen.Here(base):
		return loadgen.Limits{}, false
	case on == experiment.ComputeCPU:
		return shared(because)
	}
	return loadgen.Limits{}, true // an endpoint here may be a tunnel to elsewhere
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

// tellShared says once a session that the client was judged by looser limits.
// Of a simulated server the screen has said more.
func (r *session) tellShared(c loadgen.Client, s *launcher.Server) {
	if !c.Limits.Shared || r.Experiment.Server.Simulated != nil {
		return
	}
	r.told.shared.Do(func() {
		limits := c.Limits
		about := append([]notice.Notice{notice.New("client-shares-machine", notice.Args{
			"why": notice.Said(*limits.Why), "late": notice.Latency(limits.LagFloor), "share": notice.Fraction(limits.LagShare),
		})}, r.spareCore(s)...)
		r.Observer.Message(notice.Join(about), about...)
	})
}

// spareCore says, of a vLLM that computes on processors, which cores its threads
// are bound to as the server's log tells, and what leaves one of them to the
// client; nothing of other servers.
func (r *session) spareCore(s *launcher.Server) []notice.Notice {
	if s == nil || s.Compute != launcher.ComputeCPU || r.Experiment.Server.Engine != experiment.EngineVLLM {
		return nil
	}
	return spareCore(s.Logged.Cores, usableCores())
}

// spareCore is that for the cores that the client may use. A client that has a
// core of its own already needs no remedy, and of a single core there is none.
func spareCore(bound launcher.Cores, usable []int) []notice.Notice {
	workers := bound.Workers()
	taken := slices.Concat(workers...)
	free := slices.DeleteFunc(slices.Clone(usable), func(c int) bool { return slices.Contains(taken, c) })
	switch {
	case len(workers) == 0 && len(usable) < 2:
		return nil
	case len(workers) == 0:
		return []notice.Notice{notice.New("vllm-cores-unknown", leaving(launcher.FormatCores(usable[:len(usable)-1]), usable[len(usable)-1]))}
	case len(free) > 0:
		return []notice.Notice{notice.New("vllm-cores-free", notice.Args{"cores": coreList(taken), "free": coreList(free)})}
	}
	all := notice.New("vllm-cores-all", notice.Args{"cores": coreList(taken)})
	for _, core := range slices.Backward(usable) {
		for i, w := range workers {
			if at := slices.Index(w, core); at >= 0 && len(w) > 1 {
				workers[i] = slices.Delete(slices.Clone(w), at, at+1)
				for name, a := range leaving(string(launcher.CoresOf(workers)), core) {
					all = all.With(name, a)
				}
				return []notice.Notice{all}
			}
		}
	}
	return []notice.Notice{all} // every worker has one
}

// leaving are the arguments of the remedy: how vLLM is to bind its threads, and
// the core that this leaves.
func leaving(binding string, core int) notice.Args {
	return notice.Args{"binding": notice.Text(binding), "core": notice.Count(core)}
}

// coreList is "core 1" or "cores 0-2".
func coreList(cores []int) notice.Arg {
	return notice.Text(say.Plural(len(cores), "core") + " " + launcher.FormatCores(cores))
}

// usableCores are those that this process may use, ascending.
func usableCores() []int {
	status, _ := os.ReadFile("/proc/self/status") // elsewhere than on Linux the cores are counted
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			return launcher.ParseCores(list)
		}
	}
	all := make([]int, runtime.NumCPU())
	for i := range all {
		all[i] = i
	}
	return all
}
