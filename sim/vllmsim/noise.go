package vllmsim

import (
	"fmt"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// disturb reads the flags of noise and heat. seed serves unless --sim-seed is
// given.
func (s *setup) disturb(seed uint64) error {
	v := s.values
	if v.Has("sim-seed") {
		seed = uint64(v.Int("sim-seed", 0))
	}
	n, t := engine.Noise{Seed: seed}, engine.Thermal{}
	for _, f := range []struct {
		name            string
		into            *float64
		fallback        float64
		lowest, highest float64
	}{
		{"sim-start-noise", &n.Start, 0.012, 0, 1},
		{"sim-run-noise", &n.Run, 0, 0, 1},
		{"sim-run-gap", &n.RunGap, 5, 0, 1e9},
		{"sim-step-noise", &n.Step, 0.02, 0, 1},
		{"sim-request-noise", &n.Request, 0, 0, 3},
		{"sim-temp-idle", &t.Idle, 35, -50, 150},
		{"sim-temp-load", &t.Load, 75, -50, 150},
		{"sim-temp-tau", &t.Tau, 60, 0, 1e9},
		{"sim-temp-limit", &t.Limit, 60, -50, 150},
		{"sim-temp-slope", &t.Slope, 0, 0, 1},
		{"sim-temp-start", &t.Start, v.Float("sim-temp-idle", 35), -50, 150},
	} {
		*f.into = v.Float(f.name, f.fallback)
		if !(*f.into >= f.lowest && *f.into <= f.highest) {
			return fmt.Errorf("argument --%s must be within %g..%g", f.name, f.lowest, f.highest)
		}
	}
	s.engine.Noise, s.engine.Thermal = n, t
	return nil
}
