package importer

import (
	"cmp"
	"fmt"
	"math"

	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// unnamed is the name of a load whose lengths are not told by the file.
const unnamed = "imported"

// lengthsOf takes the mean lengths of a run's successful requests.
func (r *Result) lengthsOf(run *loadgen.Result) {
	var n, input, output float64
	for i := range run.Requests {
		if q := &run.Requests[i]; q.Class == loadgen.ClassOK && q.Phase == loadgen.PhaseWindow {
			n, input, output = n+1, input+float64(q.PromptTokens), output+float64(q.OutputTokens)
		}
	}
	if n > 0 {
		r.inputMean, r.outputMean = input/n, output/n
	}
}

// sameLength is how far mean lengths of one load may lie apart: drawn lengths
// vary from run to run, and tools count a few tokens more or less.
const sameLength = 0.05

// nameLoads names the loads that have no name by their lengths, told or
// counted, so that runs of different lengths are different loads.
func (im *Import) nameLoads() {
	type lengths struct{ in, out float64 }
	var known []lengths
	near := func(a, b float64) bool { return math.Abs(a-b) <= max(sameLength*max(a, b), 1) }
	for i := range im.results {
		r := &im.results[i]
		l := lengths{cmp.Or(float64(r.Load.in), r.inputMean), cmp.Or(float64(r.Load.out), r.outputMean)}
		if r.Load.Name != unnamed || !(l.in >= 1 && l.out >= 1) {
			continue
		}
		found := false
		for _, k := range known {
			if found = near(k.in, l.in) && near(k.out, l.out); found {
				l = k
				break
			}
		}
		if !found {
			known = append(known, l)
		}
		r.Load.Name = fmt.Sprintf("in%.0f-out%.0f", l.in, l.out)
	}
}
