// Package server is the HTTP face of the simulated vLLM server: the OpenAI
// routes, metrics and developer routes over engines that run in real time.
package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// Options configure a Server.
type Options struct {
	Engines        []*engine.Engine // one per data-parallel rank
	Served         []string         // model names, at least one
	Root           string           // the --model argument
	APIKeys        []string
	Version        string
	StreamInterval int
	DevMode        bool // VLLM_SERVER_DEV_MODE=1
	SleepMode      bool // enable_sleep_mode
	Speedup        float64
	OutputMean     float64      // mean natural output length, tokens
	Seed           uint64       // of answers' texts and lengths
	Noise          engine.Noise // of the requests' overhead
	Faults         Faults
	PromptDetails  bool      // enable_prompt_tokens_details
	ForceUsage     bool      // enable_force_include_usage
	OldMetrics     bool      // also the names deprecated in 2025
	Info           any       // body of /server_info
	Requests       io.Writer // true timings as JSON lines; nil = none
	Access         func(remote, method, path string, status int)
}

// Server serves one simulated vLLM instance.
type Server struct {
	opts      Options
	drivers   []*driver
	tok       tokenizer
	clock     clock
	created   int64
	count     atomic.Int64 // generation requests
	nextID    atomic.Uint64
	submitted atomic.Uint64 // requests handed to an engine
	logMu     sync.Mutex
	mux       http.Handler
}

// New returns a server whose engines do not run yet.
func New(o Options) *Server {
	s := &Server{opts: o, clock: clock{time.Now(), o.Speedup}, created: time.Now().Unix()}
	s.tok = tokenizer{o.Engines[0].Config().Model.Vocab}
	for i, e := range o.Engines {
		s.drivers = append(s.drivers, newDriver(i, e, s.clock, o.Faults, s.logRequest))
	}
	s.nextID.Store(rand.Uint64() >> 1)
	s.mux = s.routes()
	return s
}

// ErrEngineDead reports that an engine died while serving.
var ErrEngineDead = errEngineDead

// Run drives the engines until ctx ends or one of them dies.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(s.drivers))
	for _, d := range s.drivers {
		go func() { errs <- d.run(ctx) }()
	}
	var first error
	for range s.drivers {
		if err := <-errs; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /ping", s.health)
	mux.HandleFunc("POST /ping", s.health)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]string{"version": s.opts.Version})
	})
	mux.HandleFunc("GET /load", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]int64{"server_load": s.load()})
	})
	mux.Handle("GET /metrics", s.metricsHandler())
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("POST /tokenize", s.tokenize)
	mux.HandleFunc("POST /detokenize", s.detokenize)
	mux.HandleFunc("POST /v1/completions", s.completions)
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("GET /sim/state", s.state)
	if s.opts.DevMode {
		s.devRoutes(mux)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{"GET", "POST"} {
			if _, pattern := mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); pattern != "/" {
				writeJSON(w, 405, map[string]string{"detail": "Method Not Allowed"})
				return
			}
		}
		writeJSON(w, 404, map[string]string{"detail": "Not Found"})
	})
	return s.observe(s.authenticate(mux))
}

// authenticate guards the /v1 routes with the API keys, as vLLM does.
func (s *Server) authenticate(next http.Handler) http.Handler {
	if len(s.opts.APIKeys) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1") {
			next.ServeHTTP(w, r)
			return
		}
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		for _, key := range s.opts.APIKeys {
			if subtle.ConstantTimeCompare([]byte(given), []byte(key)) == 1 {
				next.ServeHTTP(w, r)
				return
			}
		}
		writeJSON(w, 401, map[string]string{"error": "Unauthorized"})
	})
}

// statusWriter remembers the status for the access log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *Server) observe(next http.Handler) http.Handler {
	if s.opts.Access == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{w, 200}
		next.ServeHTTP(sw, r)
		s.opts.Access(r.RemoteAddr, r.Method, r.URL.RequestURI(), sw.status)
	})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	for _, d := range s.drivers {
		if d.dead.Load() {
			w.WriteHeader(503)
			return
		}
	}
	w.WriteHeader(200)
}

func (s *Server) load() int64 {
	var n int64
	for _, d := range s.drivers {
		n += d.load.Load()
	}
	return n
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	var data []map[string]any
	for _, name := range s.opts.Served {
		data = append(data, map[string]any{
			"id": name, "object": "model", "created": s.created, "owned_by": "vllm",
			"root": s.opts.Root, "parent": nil, "max_model_len": s.maxLen(), "permission": []any{},
		})
	}
	writeJSON(w, 200, map[string]any{"object": "list", "data": data})
}

func (s *Server) maxLen() int { return s.opts.Engines[0].Config().MaxModelLen }

// pick chooses the data-parallel rank with the least work.
func (s *Server) pick() *driver {
	best := s.drivers[0]
	for _, d := range s.drivers[1:] {
		if d.load.Load() < best.load.Load() {
			best = d
		}
	}
	return best
}

// cacheInfo is the label set of vllm:cache_config_info.
func (s *Server) cacheInfo(d *driver) map[string]string {
	c, m := d.engine.Config(), d.engine.Memory()
	dtype := "auto"
	if c.KVBytes == 1 {
		dtype = "fp8"
	}
	labels := map[string]string{
		"block_size":             strconv.Itoa(c.BlockSize),
		"num_gpu_blocks":         strconv.Itoa(m.Blocks),
		"gpu_memory_utilization": strconv.FormatFloat(c.Utilization, 'g', -1, 64),
		"cache_dtype":            dtype,
		"enable_prefix_caching":  pyBool(c.PrefixCaching),
	}
	if !s.opts.OldMetrics { // since June 2026
		labels["kv_cache_size_tokens"] = strconv.Itoa(int(m.MaxConcurrency() * float64(c.MaxModelLen)))
		labels["kv_cache_max_concurrency"] = strconv.FormatFloat(m.MaxConcurrency(), 'f', 2, 64)
	}
	return labels
}

func pyBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// dead says whether err stems from a dead engine.
func dead(err error) bool { return errors.Is(err, errEngineDead) }
