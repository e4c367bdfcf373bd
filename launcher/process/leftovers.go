package process

import (
	"context"
	"fmt"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
)

// Leftovers lists the processes of all runs, found by the markers in their
// environment: on Linux, and of users that may be looked into.
func (b *Backend) Leftovers(context.Context) ([]launcher.Leftover, error) {
	all, err := procs.All()
	if err != nil {
		return nil, err
	}
	var out []launcher.Leftover
	for _, p := range all {
		marks := procs.Marks(p.PID)
		if marks[procs.RunMarker] == "" {
			continue
		}
		out = append(out, launcher.Leftover{
			Name: fmt.Sprintf("process %d (%s)", p.PID, p.Name), RunID: marks[procs.RunMarker], RunDir: marks[procs.DirMarker], Running: true,
		})
	}
	return out, nil
}
