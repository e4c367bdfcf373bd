package server

import (
	"encoding/json"
	"net/http"
)

func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Model    string    `json:"model"`
		Prompt   *string   `json:"prompt"`
		Messages []message `json:"messages"`
	}
	if err := readBody(w, r, &b); err != nil {
		err.write(w)
		return
	}
	text := template(b.Messages)
	if b.Prompt != nil {
		text = *b.Prompt
	}
	ids := s.tok.encode([]int32{}, text)
	writeJSON(w, 200, map[string]any{"count": len(ids), "max_model_len": s.maxLen(), "tokens": ids, "token_strs": nil})
}

func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Tokens json.RawMessage `json:"tokens"`
	}
	if err := readBody(w, r, &b); err != nil {
		err.write(w)
		return
	}
	ids, err := s.promptIDs(b.Tokens)
	if err != nil {
		err.write(w)
		return
	}
	writeJSON(w, 200, map[string]string{"prompt": s.tok.decode(ids)})
}

// devRoutes are served under VLLM_SERVER_DEV_MODE=1 only.
func (s *Server) devRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /server_info", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, s.opts.Info) })
	mux.HandleFunc("POST /reset_prefix_cache", s.resetPrefixCache)
	for _, path := range []string{"/reset_mm_cache", "/reset_encoder_cache"} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })
	}
	s.sleepRoutes(mux)
}

// resetPrefixCache answers whether every rank's cache was free to be reset.
func (s *Server) resetPrefixCache(w http.ResponseWriter, r *http.Request) {
	success := true
	for _, d := range s.drivers {
		var ok bool
		if err := d.call(r.Context(), func() { ok = d.engine.ResetPrefixCache() }); err != nil {
			return // the client left
		}
		success = success && ok
	}
	writeJSON(w, 200, map[string]bool{"success": success})
}
