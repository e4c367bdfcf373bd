package server

import (
	"encoding/json"
	"strconv"
)

// record is one line of the request log: what truly happened, in simulated
// seconds since the server's start.
type record struct {
	ID           string  `json:"id"`
	Arrival      float64 `json:"arrival"`   // at the API server
	Queued       float64 `json:"queued"`    // at the engine core
	Scheduled    float64 `json:"scheduled"` // first admission
	FirstToken   float64 `json:"first_token"`
	LastToken    float64 `json:"last_token"`
	PromptTokens int     `json:"prompt_tokens"`
	CachedTokens int     `json:"cached_tokens"`
	OutputTokens int     `json:"output_tokens"`
	Preemptions  int     `json:"preemptions"`
	Rank         int     `json:"rank"`
	Run          int     `json:"run"` // of the rank's engine, see --sim-run-noise
	FinishReason string  `json:"finish_reason"`
}

// logRequest writes the line of a finished request. The driver calls it.
func (s *Server) logRequest(rank int, st *stream) {
	if s.opts.Requests == nil {
		return
	}
	r := st.request
	line, err := json.Marshal(record{
		ID: strconv.FormatUint(r.ID, 16), Arrival: st.arrival, Queued: r.Arrival, Scheduled: r.Scheduled,
		FirstToken: r.FirstToken, LastToken: r.LastToken, PromptTokens: r.Prompt, CachedTokens: r.Cached,
		OutputTokens: r.Generated, Preemptions: r.Preemptions, Rank: rank, Run: s.drivers[rank].engine.Condition().Run, FinishReason: st.reason(),
	})
	if err != nil { // numbers and plain strings always encode
		return
	}
	s.logMu.Lock()
	defer s.logMu.Unlock()
	_, _ = s.opts.Requests.Write(append(line, '\n'))
}
