package server

// Snapshot is what the periodic log line tells about one engine.
type Snapshot struct {
	Prompt, Generated uint64 // tokens since the start
	Running, Waiting  int
	Preemptions       int     // since the start
	Usage, HitRate    float64 // 0..1
	Late              float64 // worst lag of a step since the snapshot before, real seconds
}

// Snapshot returns the state of each engine and restarts the search for the
// worst lag.
func (s *Server) Snapshot() []Snapshot {
	var all []Snapshot
	for _, d := range s.drivers {
		d.mu.Lock()
		m := d.meter
		one := Snapshot{Prompt: m.promptTokens, Generated: m.generated, Running: m.running, Waiting: m.waiting, Preemptions: m.stats.Preemptions, Usage: m.usage, Late: m.late}
		m.late = 0
		if m.stats.PrefixQueries > 0 {
			one.HitRate = float64(m.stats.PrefixHits) / float64(m.stats.PrefixQueries)
		}
		d.mu.Unlock()
		all = append(all, one)
	}
	return all
}
