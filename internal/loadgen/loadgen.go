// Package loadgen is the load generator: it sends OpenAI-style requests to one
// server on a precomputed schedule, times every streamed chunk, and returns
// raw records with the evidence of how well the client itself kept up. It
// knows nothing of flags, trials or experiments.
//
// Run does the load: an open loop sends on a schedule fixed beforehand, a
// closed loop hands a slot over when its request ends; bodies are built ahead;
// package sse reads the streams. The sums over the window, the evidence about
// the client and the warnings are computed from the records when the load is
// over. Summarize turns a Result into metrics, WriteParquet and
// WriteHistograms store it.
//
// Time inside a run is a monotonic offset from the run's start (time.Duration).
// Latency in open loop counts from the intended send, so that a stalled server
// (or client) cannot hide its queue; the latency from the actual send is kept
// beside it.
package loadgen

import (
	"crypto/tls"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/workload"
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
	Constant ArrivalKind = "constant" // open loop, fixed gap of 1/Rate
	Poisson  ArrivalKind = "poisson"  // open loop, exponential gaps with mean 1/Rate, never rescaled
	// Gamma is an open loop with gaps of a gamma distribution of mean 1/Rate and
	// shape Burstiness, as vLLM defines it: 1 is Poisson, less is burstier, more
	// is smoother. Never rescaled.
	Gamma ArrivalKind = "gamma"
	// Ramp is an open loop whose rate goes linearly from Rate to RateTo over the
	// window: a Poisson process of that changing rate. Duration must be set. The
	// warm-up runs at Rate.
	Ramp ArrivalKind = "ramp"
	// Trace is an open loop that replays Config.Trace: its arrivals, lengths and
	// shared blocks. The warm-up plays the beginning of the trace.
	Trace       ArrivalKind = "trace"
	Concurrency ArrivalKind = "concurrency" // closed loop: Concurrency requests in flight, slots handed over
	// Throughput holds every request ready at once and keeps at most
	// Concurrency in flight (0: no limit; then Requests must be set). The
	// backlog waits in the client by design, so its wait counts as no latency:
	// as in closed loop, the intended send is the actual send.
	Throughput ArrivalKind = "throughput"
)

// Arrivals is one arrival process.
type Arrivals struct {
	Kind        ArrivalKind
	Rate        float64 // req/s; Constant, Poisson, Gamma and the start of Ramp
	RateTo      float64 // req/s; the end of Ramp
	Burstiness  float64 // shape of Gamma's gaps, more than 0
	Speed       float64 // Trace: 2 plays it in half its time; 0: 1
	Concurrency int     // requests in flight; Concurrency and Throughput
	// MaxConcurrency caps requests in flight in open loop (0: none). With a cap
	// the process is "partly open", and Result says so.
	MaxConcurrency int
}

// Config is one run of the generator against one server.
type Config struct {
	BaseURL string // without /v1, e.g. http://127.0.0.1:8000
	Model   string
	API     API
	APIKey  string
	Headers map[string]string // further request headers
	TLS     *tls.Config       // of an https server; nil: the system's trust, no client certificate
	// Secrets are values that no text of the result may hold, the API key
	// besides: servers echo headers in their errors.
	Secrets  []string
	Body     map[string]any // further top-level fields of every request body
	Arrivals Arrivals
	Prompt   Lengths // unless Trace or Dataset give them
	Output   Lengths
	Prefix   Prefix             // shared heads of the prompts
	Trace    []workload.Arrival // arrivals of kind Trace, in order of time
	// Dataset holds the prompts, each once a pass in an order drawn anew. Empty:
	// prompts of random tokens. A sample without a token count asks for Output;
	// where Output is not given, for the tokens of the answer that it holds.
	Dataset []workload.Sample
	// Counts remembers the tokens of the dataset's answers for further runs; nil:
	// the server counts them in each.
	Counts *AnswerCounts
	// DatasetSalt puts a short mark before each prompt of the dataset, the same
	// for all of one pass and another in every trial, so that a prefix cache that
	// knows the dataset does not answer it. Heads that prompts share stay shared.
	DatasetSalt bool
	// MinOutput and MaxOutput bound the tokens that any request asks for,
	// whatever distribution, dataset or trace says; 0: no bound. Without
	// IgnoreEOS the server is told MinOutput too (min_tokens).
	MinOutput, MaxOutput int
	// Sessions make conversations of the load: arrivals are then of sessions.
	Sessions *Sessions

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
	// Limits on the client beyond which the run is invalid; zero: Strict, or Shared
	// where the server is Beside and the machine was busy with other work than the
	// client inside the window.
	Limits Limits
	Beside bool // the server runs on this machine
	// TokenLow and TokenHigh bound the token IDs of completions prompts
	// (TokenLow <= ID < TokenHigh); 0: DefaultTokenLow, DefaultTokenHigh.
	TokenLow, TokenHigh int
	// Vocabulary is the number of token IDs that the server takes, where it is
	// known (see Fit): prompts stay below it. 0: TokenHigh alone bounds them.
	Vocabulary int

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
	LastToken time.Duration // offset of the newest token of any stream; 0: there was none yet
}

// Class says how a request ended.
type Class string

// The classes. Only OK is a success; every other class is a failure, is kept
// out of the latency distributions and counts against goodput.
const (
	ClassOK        Class = "ok"
	ClassHTTP      Class = "http"      // a status other than 200
	ClassConnect   Class = "connect"   // refused, reset before an answer, no route
	ClassTimeout   Class = "timeout"   // Config.Timeout exceeded
	ClassStream    Class = "stream"    // error event inside the stream
	ClassTruncated Class = "truncated" // stream ended without [DONE] or finish
	ClassEmpty     Class = "empty"     // 200 with no token
	// ClassTokens: an output more than 10% off what was asked with ignore_eos, or
	// one that the server cut below it because the context was full.
	ClassTokens     Class = "tokens"
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
	// PhaseTail: closed loop only, issued after the window to keep the load up
	// until the requests of the window have ended; then cancelled.
	PhaseTail
)

// Request is the record of one request. Times are offsets from the run's
// start; a time that was never reached is -1.
type Request struct {
	ID        int
	Phase     Phase
	Class     Class
	Scheduled time.Duration // intended send (closed loop: equal to Sent)
	Ready     time.Duration // the generator took it up; Sent is later only when it waited for a free slot (a cap)
	Sent      time.Duration // first byte written (TLS, or never written: handed to the HTTP transport)
	First     time.Duration // first chunk with a token, whether it has a text or not
	Last      time.Duration // last chunk with a token
	End       time.Duration // arrival of the last byte, or failure
	// Gaps are the gaps between consecutive token chunks after the first, in
	// microseconds; len(Gaps) = Chunks-1. They are differences of time stamps
	// cut to microseconds, so that their sums are exact. Chunks that came with
	// one read share its time stamp: their gap is 0.
	Gaps         []uint32
	Chunks       int // chunks that carried at least one token
	PromptAsked  int // tokens wanted in the prompt
	PromptTokens int // usage.prompt_tokens; 0 when the server sent none
	OutputAsked  int // max_tokens
	OutputTokens int // usage.completion_tokens, else Chunks
	Status       int // HTTP status, 0 when there was none
	Session      int // number of its conversation, from 1; 0: none
	Turn         int // of the conversation, from 1; 0: none
	// Resent: the server ended the connection, which had served before, without a
	// byte of the answer, and the request went once more, on a new connection.
	// Sent is the first time.
	Resent bool
	Error  string
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
// False too when all tokens came at once, which vLLM counts as 0: how fast they
// were made does not show then.
func (r *Request) TPOT() (time.Duration, bool) {
	if r.OutputTokens < 2 || r.Last <= r.First {
		return 0, false
	}
	return (r.Last - r.First) / time.Duration(r.OutputTokens-1), true
}

// Labels of a load, for people and for the records.
const (
	LabelOpen   = "open"        // sends on a schedule of its own
	LabelPartly = "partly open" // a schedule, with a cap on requests in flight
	LabelClosed = "closed"      // a new request when one ends
	LabelBurst  = "burst"       // a heap of requests worked off: measured to the last completion
	// Sessions: users come on a schedule, and what each sends after its first
	// turn waits for the answer before (the partly open system of Schroeder,
	// Wierman and Harchol-Balter, NSDI 2006), or a fixed number of users is there.
	LabelSessions       = "partly open, sessions"
	LabelClosedSessions = "closed, sessions"
)

// Result is what a run measured.
//
// The window opens when the warm-up hands over, without a pause, and closes
// when its next request would have been issued: after Duration, or with
// Requests
//
//   - Constant: one gap after the last send, so that Requests / window = Rate;
//   - Poisson: when the next arrival, which is not sent, would have been due;
//   - Concurrency: when a slot is free after the last issue (with no more
//     requests than slots it is a burst, like Throughput);
//   - Throughput: at the last completion, since a burst has no steady state;
//     bounded by Duration alone it closes like Concurrency.
//
// Requests due inside the window are waited for (Drain) and make the latency
// distribution. Throughput counts what was received inside the window.
type Result struct {
	Start       time.Time // wall clock of offset 0
	WindowStart time.Duration
	WindowEnd   time.Duration
	End         time.Duration
	Label       string // one of the labels above
	Requests    []Request
	// WindowTokens are output tokens received inside the window, whichever
	// phase their request belongs to; WindowInput are prompt tokens of requests
	// whose first token arrived inside the window. They feed throughput.
	// Requests that failed add nothing; those cut off by the end of the drain do.
	WindowTokens int64
	WindowInput  int64
	// WindowCompleted are requests whose last token arrived inside the window.
	WindowCompleted int64
	// Saturated: open loop offered clearly more than was completed, and requests
	// in flight kept growing: at this rate latencies depend on the window's length.
	Saturated bool
	Client    Client
	// Invalid lists reasons why the client, not the server, shaped the result;
	// a trial with any is invalid.
	Invalid []notice.Notice
	// Warnings are doubts that do not invalidate.
	Warnings []notice.Notice
}

// Client is the evidence about the generator itself.
type Client struct {
	DispatchLagP50 time.Duration // actual minus intended send, requests due inside the window (open loop)
	DispatchLagP99 time.Duration
	WriteLagP99    time.Duration // connection ready to the kernel having the first byte, requests written inside the window
	// WriteLag is the quantile of it that is held against the limit: p99, and in
	// closed loops the highest that there are requests enough for.
	WriteLag        time.Duration
	WriteLagStat    string
	Unconnected     int // requests that this machine had no connection for: no port, file or memory
	SlowConnections int // connections that took about a second or more to make
	// Resent counts the requests of the window that were sent twice; see
	// Request. Their latencies contain both times.
	Resent int
	// HandoverLag is the mean time from the end of an answer to the moment that
	// its slot took up the next request (closed loops, inside the window). The
	// slot is idle meanwhile: throughput is too low by its share of a request's time.
	HandoverLag time.Duration
	// Late counts the requests due inside the window that were sent more than
	// LateAfter after they were due, for whatever reason: the client, a new
	// connection, or the wait for a slot of a cap.
	Late int
	// ReadLag is the delay between the arrival of bytes in the kernel and their
	// read, over reads inside the window. With kernel time stamps latencies are
	// free of it; without, it is not known and 0, and SchedLagP99 stands for it.
	ReadLagP50   time.Duration
	ReadLagP99   time.Duration
	Stamped      float64       // share of reads with a kernel time stamp, 0..1
	StampSource  string        // StampKernel or StampUser
	OfferedRate  float64       // req/s sent inside the window
	AskedRate    float64       // req/s asked for (open loop), else 0
	CPUShare     float64       // CPU seconds of this process / (window x CPUs)
	CPUs         float64       // processors that the process may use: GOMAXPROCS, or the quota of its control group
	GCPauseMax   time.Duration // longest stop-the-world pause inside the run
	SchedLagP99  time.Duration // goroutine scheduling latency p99 (runtime/metrics)
	MeanInFlight float64       // time-weighted mean requests in flight inside the window
	PeakInFlight int
	// OwnLag is how late the client itself was, on average and at most at the
	// highest percentile that there are requests enough for (OwnLagStat): from the
	// intended send to the kernel having the first byte, without the making of a
	// connection and the wait for a slot. Latencies contain it; it is how exact they
	// are. OwnLagShare is OwnLag over the median time to first token, 0 without one.
	OwnLagMean, OwnLag time.Duration
	OwnLagStat         string
	OwnLagShare        float64
	Others             float64 // share of this machine's processors that other processes kept busy, 0..1
	Limits             Limits  // that the run was judged by
	Strained           bool    // this machine was too busy for them; see Limits.Advise
	Coalesced          float64 // share of token chunks that came with the same read as the one before, 0..1
	Merged             float64 // share of the gaps that are 0 because the client read late, 0..1
}

// Sources of the time stamps of chunks.
const (
	StampKernel = "kernel" // when the kernel received them (SO_TIMESTAMPING, Linux, plain HTTP)
	StampUser   = "user"   // when the generator read them
)

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
