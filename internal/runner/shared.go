package runner

import (
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
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
func (r *run) tellShared(c loadgen.Client) {
	if !c.Limits.Shared || r.Experiment.Server.Simulated != nil {
		return
	}
	r.told.shared.Do(func() {
		r.message("client and server share this machine (%s): the client may send up to %s late, or %.0f%% of the median TTFT; gates: {client: strict} forbids that",
			c.Limits.Why, c.Limits.LagFloor, 100*c.Limits.LagShare)
	})
}
