package runner

import (
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
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
	switch {
	case s.Simulated != nil:
		return shared("the server is simulated on this machine")
	case !loadgen.Here(base):
		return loadgen.Limits{}, false
	case s.Container() != nil && s.Container().GPUs == "none":
		return shared("the server's container has no GPU and computes on this machine's processors")
	case s.Process != nil && (r.hidesGPUs() || !loadgen.Accelerated()):
		return shared("the server finds no GPU and computes on this machine's processors")
	}
	return loadgen.Limits{}, true // an endpoint here may be a tunnel to elsewhere
}

// hidesGPUs reports whether the server's environment hides all GPUs from it.
func (r *run) hidesGPUs() bool {
	for _, name := range []string{"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"} {
		v, given := r.env[name]
		if !given && r.LookupEnv != nil {
			v, given = r.LookupEnv(name)
		}
		if given && (v == "" || v == "-1") {
			return true
		}
	}
	return false
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
