package launcher

// The phases of a start, in order. A server that skips one (no compilation
// with --enforce-eager) skips it here too.
const (
	PhaseLaunched  = "launched"  // process or container started
	PhaseLoading   = "loading"   // weights
	PhaseCompiling = "compiling" // torch.compile
	PhaseProfiling = "profiling" // memory profile, size of the KV cache
	PhaseGraphs    = "graphs"    // CUDA graph capture
	PhaseServing   = "serving"   // engine is up, HTTP server begins
	PhaseReady     = "ready"     // answers and is identified
)

var phaseOrder = map[string]int{
	PhaseLaunched: 0, PhaseLoading: 1, PhaseCompiling: 2, PhaseProfiling: 3,
	PhaseGraphs: 4, PhaseServing: 5, PhaseReady: 6,
}

// PhaseText says in plain words what a server does in the phase.
func PhaseText(phase string) string {
	text, ok := map[string]string{
		PhaseLaunched: "starting up", PhaseLoading: "loading weights", PhaseCompiling: "compiling",
		PhaseProfiling: "profiling memory", PhaseGraphs: "capturing graphs", PhaseServing: "opening the port",
		PhaseReady: "ready",
	}[phase]
	if !ok {
		return phase
	}
	return text
}
