package loadtools

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/vllm-sweep/sweep/experiment"
)

// Check reports, before anything is started, a load whose tool is not there or
// whose version cannot make it. Tools in images are found out when they run.
func Check(ctx context.Context, loads []experiment.Load) error {
	asked := map[string]version{}
	for _, l := range loads {
		if !l.Benchmark.Foreign() {
			continue
		}
		j := Job{Tool: *l.Benchmark}
		if j.Tool.Image != "" {
			if _, err := exec.LookPath("podman"); err != nil {
				return fmt.Errorf("load %s: benchmark.image needs podman: %w", l.Name, err)
			}
			continue
		}
		base, err := j.base(&command{})
		if err != nil {
			return fmt.Errorf("load %s: %w", l.Name, err)
		}
		if j.Tool.Tool != experiment.ToolGuideLLM {
			continue
		}
		v, ok := asked[base[0]]
		if !ok {
			if v, err = askVersion(ctx, base, os.Environ()); err != nil {
				return fmt.Errorf("load %s: %w", l.Name, err)
			}
			asked[base[0]] = v
		}
		if err := v.takes(l.Arrivals.MaxConcurrency); err != nil {
			return fmt.Errorf("load %s: %w", l.Name, err)
		}
	}
	return nil
}

// takes reports what that version of guidellm cannot do.
func (v version) takes(limit int) error {
	switch {
	case !v.atLeast(0, 2):
		return fmt.Errorf("guidellm %s is too old: 0.2 and later can be driven", v.text)
	case !v.atLeast(0, 7) && limit > 0:
		return fmt.Errorf("guidellm %s cannot cap the requests in flight of an open loop: 0.7 and later can", v.text)
	}
	return nil
}
