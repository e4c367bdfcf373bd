package facts

import (
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// host gathers the facts of the machine and of the load generator.
func host(s series, t Trial) *rundir.HostFacts {
	window := func(source, metric string) []float64 {
		return values(inside(s[key{source, metric, -1}], t.From, t.To))
	}
	seconds := t.To.Sub(t.From).Seconds()
	perSecond := func(source string, metrics ...string) *float64 {
		var sum float64
		for _, m := range metrics {
			d, ok := growth(s[key{source, m, -1}], t.From, t.To)
			if !ok {
				return nil
			}
			sum += d
		}
		return ratio(&sum, seconds)
	}
	f := rundir.HostFacts{
		CPUShareMean:    mean(window(telemetry.SourceHost, telemetry.HostCPUShare)),
		CPUSharePeak:    highest(window(telemetry.SourceHost, telemetry.HostCPUShare)),
		RunQueueMean:    mean(window(telemetry.SourceHost, telemetry.HostRunQueue)),
		MemoryAvailable: lowest(window(telemetry.SourceHost, telemetry.HostMemory)),
		NetworkRate:     perSecond(telemetry.SourceHost, telemetry.HostReceived, telemetry.HostSent),
		ClientCPU:       perSecond(telemetry.SourceClient, telemetry.ClientCPU),
	}
	if d, ok := growth(s[key{telemetry.SourceClient, telemetry.ClientGCPauses, -1}], t.From, t.To); ok {
		f.ClientGCPauses = &d
	}
	if f == (rundir.HostFacts{}) {
		return nil
	}
	return &f
}
