package server

import "net/http"

// EngineState is what /sim/state tells about one engine: the truth that
// measurements can be checked against.
type EngineState struct {
	StartFactor float64 `json:"start_factor"` // multiplies every step of the start
	Run         int     `json:"run"`          // from 0; -1 before the first request
	RunFactor   float64 `json:"run_factor"`   // multiplies every step of the run
	Temperature float64 `json:"temperature_celsius"`
	Clock       float64 `json:"clock"` // share of the full clock
	Running     int     `json:"running"`
	Waiting     int     `json:"waiting"`
	Busy        float64 `json:"busy_seconds"` // simulated, in steps
	Late        float64 `json:"late_seconds"` // worst lag of a step so far, real
}

// Speedup is the number of simulated seconds in a real one.
func (s *Server) Speedup() float64 { return s.opts.Speedup }

// States returns the truth about each engine at this moment.
func (s *Server) States() []EngineState {
	now := s.clock.now()
	var list []EngineState
	for _, d := range s.drivers {
		d.mu.Lock()
		m := d.meter
		list = append(list, EngineState{
			StartFactor: d.engine.Config().Noise.StartFactor(),
			Run:         m.condition.Run, RunFactor: m.condition.RunFactor,
			Temperature: m.condition.Temperature(now), Clock: m.condition.Clock(now),
			Running: m.running, Waiting: m.waiting, Busy: m.stats.Busy, Late: m.worst,
		})
		d.mu.Unlock()
	}
	return list
}

// state answers /sim/state, which no vLLM has.
func (s *Server) state(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, 200, map[string]any{"now": s.clock.now(), "speedup": s.opts.Speedup, "engines": s.States()})
}
