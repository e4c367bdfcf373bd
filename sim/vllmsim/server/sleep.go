package server

import (
	"net/http"
	"time"
)

// Parts of the GPU memory that sleep mode gives back, as bits.
const (
	partWeights = 1 << iota
	partCache
	partsAll = partWeights | partCache
)

// sleepRoutes are the developer routes of --enable-sleep-mode.
func (s *Server) sleepRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /sleep", s.sleep)
	mux.HandleFunc("POST /wake_up", s.wakeUp)
	mux.HandleFunc("GET /is_sleeping", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]bool{"is_sleeping": s.Sleeping() != 0})
	})
}

// Sleeping is the level of sleep: 0 awake, 1 weights in host memory, 2
// weights discarded.
func (s *Server) Sleeping() int {
	d := s.drivers[0] // they sleep and wake together
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meter.sleeping
}

// sleep puts every engine to sleep. Requests under way are aborted, awaited
// or frozen; those that come later wait for the awakening.
func (s *Server) sleep(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	level, mode := 1, query.Get("mode")
	switch query.Get("level") {
	case "", "1":
	case "2":
		level = 2
	default:
		badRequest("sleep level must be 1 or 2, got %s", query.Get("level")).write(w)
		return
	}
	switch {
	case mode != "" && mode != "abort" && mode != "wait" && mode != "keep":
		badRequest("mode must be abort, wait or keep, got %s", mode).write(w)
		return
	case !s.opts.SleepMode:
		(&apiError{Status: 500, Type: "InternalServerError", Message: "Sleep mode is not enabled: start the server with --enable-sleep-mode"}).write(w)
		return
	}
	for mode == "wait" && s.load() > 0 {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
	for _, d := range s.drivers {
		if err := d.call(r.Context(), func() { d.fallAsleep(level, mode == "" || mode == "abort") }); err != nil {
			return // the client left
		}
	}
	w.WriteHeader(200)
}

// wakeUp brings back the parts that the tags name, all of them without tags.
func (s *Server) wakeUp(w http.ResponseWriter, r *http.Request) {
	parts := 0
	for _, tag := range r.URL.Query()["tags"] {
		switch tag {
		case "weights":
			parts |= partWeights
		case "kv_cache":
			parts |= partCache
		default:
			badRequest("tags must be weights or kv_cache, got %s", tag).write(w)
			return
		}
	}
	if parts == 0 {
		parts = partsAll
	}
	for _, d := range s.drivers {
		if err := d.call(r.Context(), func() { d.wakeUp(parts) }); err != nil {
			return // the client left
		}
	}
	w.WriteHeader(200)
}

// fallAsleep stops the engine between two steps.
func (d *driver) fallAsleep(level int, abort bool) {
	if abort {
		for s := range d.active {
			d.engine.Abort(s.request)
			d.leave(s)
			s.abort()
			d.mu.Lock()
			d.meter.abort()
			d.mu.Unlock()
		}
	}
	d.engine.ResetPrefixCache()
	d.asleep = partsAll
	d.mu.Lock()
	d.meter.sleeping = level
	d.mu.Unlock()
}

func (d *driver) wakeUp(parts int) {
	d.asleep &^= parts
	if d.asleep == 0 {
		d.mu.Lock()
		d.meter.sleeping = 0
		d.mu.Unlock()
	}
}
