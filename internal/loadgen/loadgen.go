// Package loadgen is the load generator: it sends OpenAI-style requests to one
// server on a precomputed schedule, times every streamed chunk, and returns
// raw records with the evidence of how well the client itself kept up. It
// knows nothing of flags, trials or experiments.
//
// Time inside a run is a monotonic offset from the run's start (time.Duration).
// Latency in open loop counts from the intended send, so that a stalled server
// (or client) cannot hide its queue; the latency from the actual send is kept
// beside it.
package loadgen

import (
	"time"
)

// API is the OpenAI route that is loaded.
type API string

// The routes.
const (
	Completions API = "completions" // POST /v1/completions
	Chat        API = "chat"        // POST /v1/chat/completions
)

// ArrivalKind names an arrival process.
type ArrivalKind string

// The arrival processes.
const (
	Constant    ArrivalKind = "constant"    // open loop, fixed gap of 1/Rate
	Poisson     ArrivalKind = "poisson"     // open loop, exponential gaps with mean 1/Rate, never rescaled
	Concurrency ArrivalKind = "concurrency" // closed loop: Concurrency requests in flight, slots handed over
	Throughput  ArrivalKind = "throughput"  // all requests due at once, at most Concurrency in flight
)

// Arrivals is one arrival process.
type Arrivals struct {
	Kind        ArrivalKind
	Rate        float64 // req/s; Constant and Poisson
	Concurrency int     // requests in flight; Concurrency and Throughput
	// MaxConcurrency caps requests in flight in open loop (0: none). With a cap
	// the process is "partly open", and Result says so.
	MaxConcurrency int
}

// Config is one run of the generator against one server.
type Config struct {
	BaseURL  string // without /v1, e.g. http://127.0.0.1:8000
	Model    string
	API      API
	APIKey   string
	Headers  map[string]string // further request headers
	Body     map[string]any    // further top-level fields of every request body
	Arrivals Arrivals
	Prompt   Lengths
	Output   Lengths

	Warmup   time.Duration // load at the target before the window opens; handed over without draining
	Duration time.Duration // length of the window; 0: until Requests are issued
	Requests int           // requests issued inside the window; 0: until Duration ends
	Timeout  time.Duration // of one request, from its send to its last byte
	// Drain bounds the wait for requests in flight after the window closed;
	// what is not finished then is cancelled and counted as ClassUnfinished.
	// 0: Timeout.
	Drain     time.Duration
	IgnoreEOS bool
	Seed      uint64 // lengths, arrivals and prompt content
	// Salt makes prompts of one trial differ from those of every other, so that
	// a server's prefix cache cannot answer them.
	Salt string

	// Progress is called about twice a second from a goroutine of its own; it
	// must not block. May be nil.
	Progress func(Progress)
}

// Progress is a glimpse of a running load.
type Progress struct {
	Elapsed   time.Duration
	InWindow  bool
	Sent      int
	Completed int
	Failed    int
	InFlight  int
}

// Class says how a request ended.
type Class string

// The classes. Only OK is a success; every other class is a failure, is kept
// out of the latency distributions and counts against goodput.
const (
	ClassOK         Class = "ok"
	ClassHTTP       Class = "http"       // a status other than 200
	ClassConnect    Class = "connect"    // refused, reset before an answer, no route
	ClassTimeout    Class = "timeout"    // Config.Timeout exceeded
	ClassStream     Class = "stream"     // error event inside the stream
	ClassTruncated  Class = "truncated"  // stream ended without [DONE] or finish
	ClassEmpty      Class = "empty"      // 200 with no token
	ClassTokens     Class = "tokens"     // output more than 10 % off what was asked with ignore_eos
	ClassProtocol   Class = "protocol"   // not SSE, not JSON
	ClassUnfinished Class = "unfinished" // still running when the drain ended, or the run was cancelled
	ClassDropped    Class = "not_sent"   // due inside the window but never sent (cap reached until the window closed)
)

// Phase of the run in which a request was due.
type Phase uint8

// The phases.
const (
	PhaseWarmup Phase = iota
	PhaseWindow
	PhaseTail // closed loop only: issued after the window to keep the load up; not used at present by open loop
)

// Request is the record of one request. Times are offsets from the run's
// start; a time that was never reached is -1.
type Request struct {
	ID        int
	Phase     Phase
	Class     Class
	Scheduled time.Duration // intended send (closed loop: equal to Sent)
	Sent      time.Duration // request written
	First     time.Duration // first chunk with a token
	Last      time.Duration // last chunk with a token
	End       time.Duration // last byte, or failure
	// Gaps are the gaps between consecutive token chunks after the first, in
	// microseconds; len(Gaps) = Chunks-1.
	Gaps         []uint32
	Chunks       int // chunks that carried at least one token
	PromptAsked  int // tokens wanted in the prompt
	PromptTokens int // usage.prompt_tokens; 0 when the server sent none
	OutputAsked  int // max_tokens
	OutputTokens int // usage.completion_tokens, else Chunks
	Status       int // HTTP status, 0 when there was none
	Error        string
}

// TTFT is the time to first token from the intended send.
func (r *Request) TTFT() time.Duration { return r.First - r.Scheduled }

// TTFTSent is the time to first token from the actual send.
func (r *Request) TTFTSent() time.Duration { return r.First - r.Sent }

// E2E is the end-to-end latency from the intended send to the last token.
func (r *Request) E2E() time.Duration { return r.Last - r.Scheduled }

// E2ESent is the end-to-end latency from the actual send to the last token.
func (r *Request) E2ESent() time.Duration { return r.Last - r.Sent }

// TPOT is (last token - first token) / (output tokens - 1), as vLLM defines it
// (vllm/benchmarks/serve.py), and false for outputs of fewer than two tokens.
func (r *Request) TPOT() (time.Duration, bool) {
	if r.OutputTokens < 2 {
		return 0, false
	}
	return (r.Last - r.First) / time.Duration(r.OutputTokens-1), true
}

// Result is what a run measured.
type Result struct {
	Start       time.Time // wall clock of offset 0
	WindowStart time.Duration
	WindowEnd   time.Duration
	End         time.Duration
	Label       string // "open", "partly open" or "closed"
	Requests    []Request
	// WindowTokens are output tokens received inside the window, whichever
	// phase their request belongs to; WindowInput are prompt tokens of requests
	// whose first token arrived inside the window. They feed throughput.
	WindowTokens int64
	WindowInput  int64
	// WindowCompleted are requests whose last token arrived inside the window.
	WindowCompleted int64
	Client          Client
	// Invalid lists reasons why the client, not the server, shaped the result;
	// a trial with any is invalid.
	Invalid []string
	// Warnings are doubts that do not invalidate.
	Warnings []string
}

// Client is the evidence about the generator itself.
type Client struct {
	DispatchLagP50 time.Duration // actual minus intended send, requests due inside the window (open loop)
	DispatchLagP99 time.Duration
	OfferedRate    float64       // req/s sent inside the window
	AskedRate      float64       // req/s asked for (open loop), else 0
	CPUShare       float64       // CPU seconds of this process / (window x GOMAXPROCS)
	GCPauseMax     time.Duration // longest stop-the-world pause inside the run
	SchedLagP99    time.Duration // goroutine scheduling latency p99 (runtime/metrics)
	MeanInFlight   float64       // time-weighted mean requests in flight inside the window
	PeakInFlight   int
}

// LengthKind names a distribution of token counts.
type LengthKind string

// The length distributions.
const (
	Fixed     LengthKind = "fixed"
	Normal    LengthKind = "normal"
	Lognormal LengthKind = "lognormal" // Mean and Stdev of the lognormal itself
	Uniform   LengthKind = "uniform"
	Empirical LengthKind = "empirical"
)

// Lengths is a distribution of token counts. Draws are rounded, clamped to
// Min..Max where given, and at least 1.
type Lengths struct {
	Kind        LengthKind
	Mean, Stdev float64
	Min, Max    int
	Values      []int // Empirical: the sample, drawn with replacement
	// Source names where Values come from. Prompt and output lengths with the
	// same non-empty Source and equally many Values are drawn from the same row.
	Source string
}
