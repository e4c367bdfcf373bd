package runner

import (
	"os"
	"runtime"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
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
	switch w.experiment.Gates.Client {
	case experiment.ClientShared:
		return shared(notice.Known("declared"))
	case experiment.ClientStrict:
		return loadgen.Strict(), false
	}
	switch on, because := w.server.Compute(); {
	case w.server.Simulated:
		return shared(notice.Known("simulated-here"))
	case !loadgen.Here(base):
		return loadgen.Limits{}, false
	case on == launcher.ComputeCPU:
		return shared(because)
	}
	return loadgen.Limits{}, true // an endpoint here may be a tunnel to elsewhere
}

// tellShared says once a session that the client was judged by looser limits.
// Of a simulated server the screen has said more.
func (r *session) tellShared(c loadgen.Client, s *launcher.Server) {
	if !c.Limits.Shared || r.Server.Simulated {
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

// spareCore says, of a server that computes on processors and whose engine binds
// its threads, how a core is left to the client; nothing of others.
func (r *session) spareCore(s *launcher.Server) []notice.Notice {
	if s == nil || s.Compute != launcher.ComputeCPU || r.Server.Engine == nil || r.Server.Engine.SpareCore == nil {
		return nil
	}
	return r.Server.Engine.SpareCore(s.Logged.Cores, usableCores())
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
