package launcher

import (
	"crypto/tls"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Setup is what all servers of an experiment are launched with. Whoever carries
// a plan out is handed it and knows no backend and no engine.
type Setup struct {
	Backend Backend
	Engine  *Engine           // nil: nothing in particular is known
	Env     map[string]string // of the server, resolved; secrets included
	Secrets []string          // values to redact wherever text is kept
	APIKey  string            // "" when the server wants none
	TLS     *tls.Config       // verifies an endpoint over https; nil: by the system's trust
	GPUs    []int             // that the servers may use, by index; empty: any, or none is told by index
	// Running says that somebody else runs the server: it is neither launched nor
	// stopped, its flags are a note, and it outlives the run.
	Running bool
	// Compute is on what the servers compute, ComputeCPU or ComputeGPU, and by which
	// code of the catalog that is known; both "" where nothing tells.
	Compute func() (on string, because notice.Code)
	// Simulated says that the server stands in for one, on this machine's processors.
	Simulated bool
}
