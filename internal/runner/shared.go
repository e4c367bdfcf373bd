package runner

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/preflight"
)

// clientLimits are the limits that the load generator is judged by against a
// server at an address: as declared, or those of a shared machine where the
// server computes on this machine's processors. The zero value with beside
// leaves it to what is measured inside the window.
func (r *run) clientLimits(base string) (limits loadgen.Limits, beside bool) {
	shared := func(why string) (loadgen.Limits, bool) {
		l := loadgen.Shared()
		l.Why = why
		return l, true
	}
	s := r.Experiment.Server
	switch r.Experiment.Gates.Client {
	case experiment.ClientShared:
		return shared("declared")
	case experiment.ClientStrict:
		return loadgen.Strict(), false
	}
	switch on, because := compute(s, r.ownEnv); {
	case s.Simulated != nil:
		return shared("the server is simulated on this machine")
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
func compute(s experiment.Server, lookup func(string) (string, bool)) (on, because string) {
	return preflight.Compute(s, preflight.Host{
		LookupEnv: lookup, Accelerated: loadgen.Accelerated,
		Listens: func(address string) bool { return loadgen.Here(address) && preflight.Listens(address) },
	})
}

// ownEnv looks a variable up as the server sees it.
func (r *run) ownEnv(name string) (string, bool) {
	v, given := r.env[name]
	if !given && r.LookupEnv != nil {
		v, given = r.LookupEnv(name)
	}
	return v, given
}

// tellShared says once a session that the client was judged by looser limits.
// Of a simulated server the screen has said more.
func (r *run) tellShared(c loadgen.Client, s *launcher.Server) {
	if !c.Limits.Shared || r.Experiment.Server.Simulated != nil {
		return
	}
	r.told.shared.Do(func() {
		bound, remedy := r.spareCore(s)
		r.message("client and server share this machine (%s): the client may send up to %s late, or %.0f%% of the median TTFT; gates: {client: strict} forbids that%s%s",
			c.Limits.Why, c.Limits.LagFloor, 100*c.Limits.LagShare, after(". ", bound), after(": ", remedy))
	})
}

// after is a text with what stands before it, and nothing where there is none.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// spareCore says, of a vLLM that computes on processors, which cores its threads
// are bound to as the server's log tells, and what leaves one of them to the
// client; both are "" of other servers.
func (r *run) spareCore(s *launcher.Server) (bound, remedy string) {
	if s == nil || s.Compute != launcher.ComputeCPU || r.Experiment.Server.Engine != experiment.EngineVLLM {
		return "", ""
	}
	return spareCore(s.Logged.Cores, usableCores())
}

// spareCore is that for the cores that the client may use. A client that has a
// core of its own already needs no remedy, and of a single core there is none.
func spareCore(bound launcher.Cores, usable []int) (text, remedy string) {
	workers := bound.Workers()
	taken := slices.Concat(workers...)
	free := slices.DeleteFunc(slices.Clone(usable), func(c int) bool { return slices.Contains(taken, c) })
	switch {
	case len(workers) == 0 && len(usable) < 2:
		return "", ""
	case len(workers) == 0:
		return "vLLM's log does not say which cores its threads are bound to", fmt.Sprintf(
			"VLLM_CPU_OMP_THREADS_BIND=%s in the server's environment leaves core %d to the client",
			launcher.FormatCores(usable[:len(usable)-1]), usable[len(usable)-1])
	case len(free) > 0:
		return fmt.Sprintf("vLLM binds its threads to %s (VLLM_CPU_OMP_THREADS_BIND) and leaves %s to the client", coreList(taken), coreList(free)), ""
	}
	text = fmt.Sprintf("vLLM binds its threads to %s, which are all that the client may use", coreList(taken))
	if len(taken) == 1 {
		return fmt.Sprintf("vLLM binds its threads to %s, the only one that the client may use", coreList(taken)), ""
	}
	for _, core := range slices.Backward(usable) {
		for i, w := range workers {
			if at := slices.Index(w, core); at >= 0 && len(w) > 1 {
				workers[i] = slices.Delete(slices.Clone(w), at, at+1)
				return text, fmt.Sprintf("VLLM_CPU_OMP_THREADS_BIND=%s in the server's environment leaves core %d to the client", launcher.CoresOf(workers), core)
			}
		}
	}
	return text, "" // every worker has one
}

// coreList is "core 1" or "cores 0-2".
func coreList(cores []int) string {
	list := launcher.FormatCores(cores)
	if len(cores) == 1 {
		return "core " + list
	}
	return "cores " + list
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
