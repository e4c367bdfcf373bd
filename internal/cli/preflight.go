package cli

import (
	"context"
	"os"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher/preflight"
	"github.com/vllm-sweep/sweep/matrix"
)

// preflight examines every configuration before anything starts. notes say
// what could not be examined.
func (sys *System) preflight(ctx context.Context, e *experiment.Experiment, p *matrix.Plan) (r *preflight.Report, notes []notice.Notice) {
	facts, notes := preflight.Gather(e, sys.host(ctx, e))
	return preflight.Check(e, p, facts), notes
}

// host is what the pre-flight check may know of this machine.
func (sys *System) host(ctx context.Context, e *experiment.Experiment) preflight.Host {
	h := preflight.Host{LookupEnv: sys.LookupEnv}
	if home, err := os.UserHomeDir(); err == nil {
		h.Home = home
	}
	if e.Server.Simulated != nil || e.Server.Endpoint != nil {
		sys.askSimulator(ctx, e, &h)
		return h
	}
	gpus, err := telemetry.OpenGPUs(ctx)
	if err != nil {
		return h // what is not known is not checked; run says that GPUs are not watched
	}
	defer gpus.Close()
	for _, d := range gpus.Devices() {
		h.GPUs = append(h.GPUs, preflight.GPU{Name: d.Name, Memory: float64(d.MemoryBytes)})
	}
	return h
}

// notes prints what could not be examined.
func (sys *System) notes(notes []notice.Notice) {
	for _, n := range notes {
		sys.say("note: %s", n)
	}
}
