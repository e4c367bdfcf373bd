package rundir

import (
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// FormatVersion is written into every record and checked when reading.
//
// 2: warnings, reasons, and causes and remedies of diagnoses are notices, objects
// with a code. In format 1 they are sentences, which are read as notices of the
// code recorded-text.
const FormatVersion = 2

// Outcomes of a trial.
const (
	OutcomeOK      = "ok"      // measured; counts
	OutcomeInvalid = "invalid" // measured, but a declared cause (client limits, too many failures) forbids counting it
	OutcomeFailed  = "failed"  // no measurement came of it; Causes says why
	OutcomeSkipped = "skipped" // not measured, for a known reason: its server cannot start, or a lower point of the load saturated this start already
)

// Trial is the record of one trial (trials/<id>/trial.json). It is written once, atomically.
type Trial struct {
	Format        int       `json:"format"`
	ID            string    `json:"id"`
	Cell          string    `json:"cell"`
	Configuration string    `json:"configuration"`
	LoadPoint     string    `json:"load_point"`
	Start         string    `json:"start"` // ID of the server start it ran on
	Block         int       `json:"block"`
	Order         int       `json:"order"` // place in the run, from 1: time order for drift
	Seed          uint64    `json:"seed"`
	Began         time.Time `json:"began"`
	Ended         time.Time `json:"ended"`
	Outcome       string    `json:"outcome"`
	// Reasons say why an invalid trial does not count or a failed one failed.
	Reasons []notice.Notice `json:"reasons,omitempty"`
	// Refused are the words with which the server refuses the requests of the
	// load; no load was run then.
	Refused string `json:"refused,omitempty"`
	// Causes name the gates that forbid an invalid trial to count, or the one
	// Failed constant of a failed trial (absent in records of earlier versions).
	Causes []string `json:"causes,omitempty"`
	// Repeats is the planned trial that this one measures again because it did
	// not count; empty: this is the planned one.
	Repeats string `json:"repeats,omitempty"`
	// Metrics in base units (seconds, per second), by metric name; a metric
	// that could not be estimated is absent here and named in Absent.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Absent  map[string]string  `json:"absent,omitempty"` // metric name → reason
	// Upper bounds percentiles from above with 99% confidence, were the requests
	// of the trial independent.
	Upper map[string]float64 `json:"upper_bounds,omitempty"`
	// Requests by class inside the window, and tokens.
	Requests     map[string]int `json:"requests,omitempty"`
	InputTokens  int64          `json:"input_tokens,omitempty"`
	OutputTokens int64          `json:"output_tokens,omitempty"`
	// PromptLength and AnswerLength are of the successful requests due inside the
	// window; absent in records of earlier versions and of tools that keep none.
	PromptLength *Lengths `json:"prompt_length,omitempty"`
	AnswerLength *Lengths `json:"answer_length,omitempty"`
	Window       float64  `json:"window_s,omitempty"` // length of the measured window, seconds
	Rate         float64  `json:"rate,omitempty"`     // req/s asked for in open loop
	LoadLabel    string   `json:"load_label,omitempty"`
	// TokensPerChunk is the mean over successful requests; above 1 the samples
	// of itl are gaps between bundles of tokens.
	TokensPerChunk float64 `json:"tokens_per_chunk,omitempty"`
	// TooFew names the percentiles that the successful requests were too few
	// for, with the number needed.
	TooFew map[string]int `json:"too_few,omitempty"`
	// Saturated: in open loop clearly more was offered than completed.
	Saturated bool            `json:"saturated,omitempty"`
	Client    *ClientFacts    `json:"client,omitempty"`
	Engine    *EngineFacts    `json:"engine,omitempty"`
	Telemetry *Telemetry      `json:"telemetry,omitempty"`
	Warmup    *Warmup         `json:"warmup,omitempty"`
	Warnings  []notice.Notice `json:"warnings,omitempty"`
	// Source is set where another tool made the load; nil: our own generator.
	Source *Source `json:"source,omitempty"`
}

// Lengths are tokens per request.
type Lengths struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"` // standard deviation over the requests
}

// ClientFacts are the load generator's evidence about itself; times in seconds.
type ClientFacts struct {
	DispatchLagP50 float64        `json:"dispatch_lag_p50_s"`
	DispatchLagP99 float64        `json:"dispatch_lag_p99_s"`
	WriteLagP99    float64        `json:"write_lag_p99_s"`
	HandoverLag    float64        `json:"handover_lag_s,omitempty"` // closed loop: mean from the end of an answer to the slot's next request
	Late           int            `json:"late_arrivals,omitempty"`  // due inside the window and sent more than 5 ms later
	Resent         int            `json:"resent,omitempty"`         // requests sent again on a new connection, after the server ended the kept one without a byte of the answer
	ReadLagP50     float64        `json:"read_lag_p50_s"`
	ReadLagP99     float64        `json:"read_lag_p99_s"`
	StampSource    string         `json:"stamp_source"` // whose clock stamped the chunks: "kernel" or "user space"
	OfferedRate    float64        `json:"offered_rate"`
	AskedRate      float64        `json:"asked_rate,omitempty"`
	CPUShare       float64        `json:"cpu_share"`
	Unconnected    int            `json:"unconnected,omitempty"` // requests that the client's machine had no connection for: no port, file or memory
	CPUs           float64        `json:"cpus,omitempty"`        // processors that it is a share of
	GCPauseMax     float64        `json:"gc_pause_max_s"`
	SchedLagP99    float64        `json:"sched_lag_p99_s"`
	MeanInFlight   float64        `json:"mean_in_flight"`
	PeakInFlight   int            `json:"peak_in_flight"`
	Coalesced      float64        `json:"coalesced_share"`           // of chunks that came with the same read as the one before
	Merged         float64        `json:"late_read_share,omitempty"` // of the gaps between chunks that are 0 because the client read late
	SharedLimits   bool           `json:"shared_limits,omitempty"`   // judged by the limits of a machine that the server shares
	SharedBecause  *notice.Notice `json:"shared_because,omitempty"`  // how that is known
	OwnLagMean     float64        `json:"own_lag_mean_s,omitempty"`  // how late the client itself was: from the intended send to the kernel having the first byte
	OwnLag         float64        `json:"own_lag_s,omitempty"`       // the same at own_lag_stat, the highest percentile that there are requests enough for
	OwnLagStat     string         `json:"own_lag_stat,omitempty"`    // such as "p95"
	OwnLagShare    float64        `json:"own_lag_share,omitempty"`   // own_lag_s over the median time to first token
	Others         float64        `json:"others_share,omitempty"`    // of the machine's processors that other processes kept busy, 0..1
}

// EngineFacts are differences of the server's own counters over the trial,
// from /metrics. A counter that the server does not offer is nil.
type EngineFacts struct {
	Preemptions        *float64 `json:"preemptions,omitempty"`
	PrefixCacheQueries *float64 `json:"prefix_cache_query_tokens,omitempty"`
	PrefixCacheHits    *float64 `json:"prefix_cache_hit_tokens,omitempty"`
	GenerationTokens   *float64 `json:"generation_tokens,omitempty"`
	KVCacheUsage       *float64 `json:"kv_cache_usage,omitempty"` // 0..1, highest that was read
}

// Provenance says where a run was made (provenance.json).
type Provenance struct {
	Format       int       `json:"format"`
	RunID        string    `json:"run_id"`
	Began        time.Time `json:"began"`
	SweepVersion string    `json:"sweep_version"`
	Experiment   string    `json:"experiment_sha256"` // of experiment.yaml as read
	// ExperimentFile is the absolute path it was read from, against which the
	// paths inside it were resolved.
	ExperimentFile string            `json:"experiment_file"`
	Host           string            `json:"host"`
	OS             string            `json:"os"`
	Kernel         string            `json:"kernel,omitempty"`
	CPU            string            `json:"cpu,omitempty"`
	Cores          int               `json:"cores"`
	MemoryBytes    int64             `json:"memory_bytes,omitempty"`
	CPUGovernors   []string          `json:"cpu_governors,omitempty"` // scaling governors in use
	CPUBoost       string            `json:"cpu_boost,omitempty"`     // on, off
	GPUs           []GPU             `json:"gpus,omitempty"`
	Driver         string            `json:"driver,omitempty"`
	Backend        map[string]string `json:"backend,omitempty"` // podman version, image digest, simulated GPU...
	// Environment is what servers of backend process inherit and may change
	// what is measured; of credentials only a hash.
	Environment map[string]string `json:"environment,omitempty"`
	Simulated   bool              `json:"simulated,omitempty"`
	Warnings    []notice.Notice   `json:"warnings,omitempty"`
	// Imported is set where other tools' results were read; nil: measured by sweep.
	Imported *Imported `json:"imported,omitempty"`
}

// GPU is one device of the host.
type GPU struct {
	Index       int    `json:"index"`
	Name        string `json:"name"`
	UUID        string `json:"uuid,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
}
