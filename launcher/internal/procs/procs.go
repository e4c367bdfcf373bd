// Package procs looks at the processes of this machine: who belongs to a
// process group, who descends from whom, and who carries a variable in its
// environment.
package procs

// The environment variables that mark the processes of a start, so that an
// orphan can be told from any other process.
const (
	RunMarker   = "SWEEP_RUN_ID"
	StartMarker = "SWEEP_START_ID"
	DirMarker   = "SWEEP_RUN_DIR"
)

// Process is one live process (zombies are not).
type Process struct {
	PID, Parent, Group int
	Name               string
}

// Children returns root and all processes that descend from it.
func Children(all []Process, root int) map[int]bool {
	in := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if in[p.Parent] && !in[p.PID] {
				in[p.PID] = true
				grown = true
			}
		}
	}
	return in
}
