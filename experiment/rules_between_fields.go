package experiment

import (
	"slices"
	"strings"
)

// checkFile looks for faults between sections.
func checkFile(d *decoder, _ string, root entry, e *Experiment) {
	matrix, hasMatrix := root.value.get("matrix")
	if hasMatrix {
		d.checkExclude(matrix, e)
		d.checkEndpoint(matrix, root)
	}
	d.resolveBenchmarks(root, e)
	if loads, ok := root.value.get("loads"); ok {
		d.checkWarmup(loads, e)
	}
	if cases, ok := root.value.get("use_cases"); ok {
		for _, c := range cases.value.entries {
			d.checkUseCase(c, root, e)
		}
	}
}

// checkEndpoint reports flags varied on a server that cannot be restarted.
func (d *decoder) checkEndpoint(matrix, root entry) {
	server, _ := root.value.get("server")
	if server.value == nil {
		return
	}
	backend, ok := server.value.get("endpoint")
	if !ok {
		return
	}
	for _, name := range []string{"parameters", "configurations"} {
		if varied, ok := matrix.value.get(name); ok && len(varied.value.children()) > 0 {
			diag := d.fail("endpoint-cannot-vary", varied.key.at, nil)
			diag.Related = []Related{{backend.key.at, "the server is an endpoint"}}
		}
	}
}

// checkUseCase reports a load that the file does not declare, and goodput
// without limits to be good by.
func (d *decoder) checkUseCase(c, root entry, e *Experiment) {
	path := join("use_cases", c.name)
	if load, ok := c.value.get("load"); ok && load.value.kind == textNode {
		if declared, ok := root.value.get("loads"); ok {
			var names []string
			for _, l := range declared.value.entries {
				names = append(names, l.name)
			}
			if !slices.Contains(names, load.value.text) {
				a, _ := meantBy(load.value.text, names)
				d.fail("unknown-load", load.place(), a)
			}
		}
	}
	for _, goal := range []string{"maximize", "minimize"} {
		g, ok := c.value.get(goal)
		if ok && g.value.text == "goodput" && !slices.ContainsFunc(e.SLO, func(c Constraint) bool { return isLatency(c.Metric) }) {
			d.warn("goodput-without-limit", g.place(), args{"path": path, "example": "{ttft_p95: 500ms}"})
		}
	}
}

// isLatency says whether a constraint can be applied to single requests.
func isLatency(name string) bool {
	for _, base := range []string{"ttft", "tpot", "itl", "e2e"} {
		if strings.HasPrefix(name, base+"_") {
			return true
		}
	}
	return false
}
