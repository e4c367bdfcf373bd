package matrix

import (
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
)

// gpusKnown is how many GPUs the experiment gives its servers, 0 where it does
// not say: "all" depends on the host.
func gpusKnown(s experiment.Server) int {
	list := ""
	switch {
	case s.Simulated != nil:
		return s.Simulated.GPUs
	case s.Container() != nil:
		list = s.Container().GPUs
	case s.Process != nil:
		for _, v := range s.Process.Env {
			if v.Name == "CUDA_VISIBLE_DEVICES" {
				list = v.Value
			}
		}
	}
	if list == "" || list == "all" || list == "none" {
		return 0
	}
	return strings.Count(list, ",") + 1
}

// makespan is how long the starts take side by side on so many GPUs: block by
// block, each start as soon as there are GPUs for it, in the plan's order.
func makespan(starts []Start, span []time.Duration, need []int, gpus int) time.Duration {
	var total time.Duration
	for i := 0; i < len(starts); {
		free := make([]time.Duration, gpus) // when each GPU becomes free
		var began time.Duration
		j := i
		for ; j < len(starts) && starts[j].Block == starts[i].Block && starts[j].Purpose == starts[i].Purpose; j++ {
			n := min(max(1, need[j]), gpus)
			slices.Sort(free)
			began = max(began, free[n-1]) // no start overtakes another
			for k := range n {
				free[k] = began + span[j]
			}
		}
		total += slices.Max(free)
		i = j
	}
	return total
}
