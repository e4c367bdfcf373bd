// Package importer reads what other load generators measured and makes run
// directories of it, so that analysis, figures and reports take foreign
// results as they take our own: GuideLLM, `vllm bench serve` and `vllm bench
// sweep`, AIPerf, inference-perf, InferenceMAX and plain CSV.
//
// Read finds out by content what a file is and gives one Result a load run.
// Where a file holds its requests, every number is computed anew from them by
// the same code that summarises our own runs; otherwise the tool's summary is
// taken over, in our names and units, as far as the definitions are the same.
// What a file does not say stays unknown. Write stores results as a run
// directory.
//
// Files may be larger than memory: JSON is read as a stream, and of a request
// only its times and counts are kept.
package importer

import (
	"fmt"
	"math"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Names of the tools.
const (
	GuideLLM      = "guidellm"
	VLLMBench     = "vllm-bench"
	AIPerf        = "aiperf"
	InferencePerf = "inference-perf"
	InferenceMAX  = "inferencemax"
	CSV           = "csv"
)

// Auto has the format found out by content.
const Auto = "auto"

// Formats lists what --as takes.
func Formats() []string {
	return []string{Auto, GuideLLM, VLLMBench, AIPerf, InferencePerf, InferenceMAX, CSV}
}

// Unknown is the arrival kind of a load that the file does not tell.
const Unknown experiment.ArrivalKind = "unknown"

// Load is the load that a tool was asked for, as far as its file says.
type Load struct {
	Name  string // "in100-out100" where lengths are known, else "imported"
	Kind  experiment.ArrivalKind
	Value float64 // req/s, or requests in flight
	Cap   int     // most requests in flight of an open loop; 0: none, or not told
	// Burstiness is the shape of gamma gaps; 0: another process, or not told.
	Burstiness float64
	// in and out are the lengths that the tool was told, in tokens; 0: not told.
	in, out int
	// Note sets it apart from another of the same kind and value. It is a part of
	// the load's name: settings as the tool spells them, such as "burstiness 0.5".
	Note string
}

// open says whether requests were sent on a schedule.
func (l Load) open() bool { return l.Kind.OpenLoop() || l.Kind == "gamma" }

// Result is one load run as its tool recorded it.
type Result struct {
	Tool        string
	ToolVersion string // "": not told
	Format      string // dialect of the file: "D4", "save-detailed"
	File        string
	Place       string // inside the file: "benchmarks[1]", "line 7"

	Model  string // "": not told
	Target string // address of the server
	Began  time.Time
	Ended  time.Time
	Load   Load
	// Label names the server configuration, Flags are its flags; both empty:
	// the file says nothing of the server.
	Label         string
	Flags         experiment.Flags
	Image         string // of the server's container
	ServerVersion string
	// Metadata is what whoever ran the tool had it note, in their words.
	Metadata map[string]string
	GPU      string
	GPUs     int // 0: not told

	// Run holds the requests, nil where the file has none. Timed says that
	// their offsets are real: a file may hold durations without points in time.
	Run   *loadgen.Result
	Timed bool
	// Clock says where latencies count from: ClockIntended or ClockSent.
	Clock string

	// In our names and base units.
	Metrics      map[string]float64
	Absent       map[string]string
	Requests     map[string]int // by class of loadgen
	InputTokens  int64
	OutputTokens int64
	Window       float64 // seconds
	// TooFew names percentiles that the requests were too few for, with the
	// number needed.
	TooFew         map[string]int
	TokensPerChunk float64 // 0: not known

	Invalid  []notice.Notice // why the run must not count
	Unlawful []notice.Notice // of those: why its load is not the one that was asked for
	Warnings []notice.Notice // flaws and doubts
	// spilled is the path, without extension, of the stored requests.
	spilled    string
	recomputed bool
	// toolWarnings are what the tool says against its own run, in its words;
	// schedule what its intended sends say against it.
	toolWarnings []string
	schedule     []notice.Notice
	// sentFor is how long requests were sent, where a time limit ended it; else 0.
	sentFor time.Duration
	// phase is the phase of an AIPerf run that this is; "": a run has but one.
	phase string
	// due is when each request was due, where the tool tells it apart.
	due []time.Duration
	// outputMean is the mean length of the answers, for checks; 0: not told.
	outputMean float64
	// inputMean is the mean length of the prompts; 0: not told.
	inputMean float64
	// Mean and standard deviation of the requests' tokens, where there are requests.
	promptLength, answerLength [2]float64
}

// Where latencies count from.
const (
	ClockIntended = "intended" // when the request was due
	ClockSent     = "sent"     // when it was sent: a wait in the client is not seen
)

// Ends says where the end-to-end latencies end, as rundir.Source has it; "": not
// known. GuideLLM's own request_latency goes on to the end of the response; its
// requests tell the last token.
func (r *Result) Ends() string {
	switch r.Tool {
	case VLLMBench, InferenceMAX:
		return rundir.EndsToken
	case AIPerf:
		return rundir.EndsText
	case GuideLLM, InferencePerf:
		if r.Recomputed() {
			return rundir.EndsToken
		}
		return rundir.EndsResponse
	}
	return ""
}

// Recomputed reports whether the numbers come from the requests.
func (r *Result) Recomputed() bool { return r.recomputed }

func (r *Result) warn(n notice.Notice) { r.Warnings = append(r.Warnings, n) }

// set stores a metric, or why what the file says is none.
func (r *Result) set(name string, v float64) {
	if why := implausible(v); why != "" {
		r.lack(name, why)
		return
	}
	if r.Metrics == nil {
		r.Metrics = map[string]float64{}
	}
	r.Metrics[name] = v
	delete(r.Absent, name)
}

// largest is above every metric in base units, and far enough from the largest
// number for sums and ratios.
const largest = 1e15

// implausible says why a number of a file is no metric; "": it may be one.
func implausible(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > largest {
		return fmt.Sprintf("the file says %.4g: no measurement", v)
	}
	return ""
}

// lack says why a metric has no value.
func (r *Result) lack(name, why string) {
	if r.Absent == nil {
		r.Absent = map[string]string{}
	}
	r.Absent[name] = why
	delete(r.Metrics, name)
}

// Options of a reading.
type Options struct {
	As  string // Auto, or the tool that wrote the files
	Map Columns
	// each is called with every result once it is complete, and may take its
	// requests away.
	each func(*Result) error
}
