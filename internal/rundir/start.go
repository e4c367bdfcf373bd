package rundir

import (
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Outcomes of a start.
const (
	StartLaunching = "launching" // in flight, or the runner was killed meanwhile
	StartReady     = "ready"
	StartFailed    = "failed"
	StartSkipped   = "skipped" // not launched: it was known that it cannot start
)

// Start is the record of one server start (starts/<id>/launch.json).
type Start struct {
	Format        int               `json:"format"`
	ID            string            `json:"id"`
	Block         int               `json:"block"`
	Configuration string            `json:"configuration"`
	Label         string            `json:"label"`
	Purpose       string            `json:"purpose"`
	Backend       string            `json:"backend"`
	GPUs          []int             `json:"gpus,omitempty"`    // of the host, that this start was given; absent: all that the experiment names
	Compute       string            `json:"compute,omitempty"` // on what the server computes: "cpu" or "gpu"; absent: not known
	Flags         experiment.Flags  `json:"flags"`
	Command       []string          `json:"command,omitempty"` // as started, secrets redacted
	Facts         map[string]string `json:"facts,omitempty"`   // image digest, container ID, pid, port
	Outcome       string            `json:"outcome"`
	Began         time.Time         `json:"began"`
	Ready         time.Duration     `json:"ready_after_ns,omitempty"`
	Phases        []Phase           `json:"phases,omitempty"`
	Identity      *Identity         `json:"identity,omitempty"`
	Logged        *Logged           `json:"logged,omitempty"`    // sizes that the server's log told
	Effective     *Effective        `json:"effective,omitempty"` // configuration in effect, as the server told it
	Diagnosis     *Diagnosis        `json:"diagnosis,omitempty"` // of a failed start, or of a server that died under load
	Tries         []Try             `json:"tries,omitempty"`     // launches that failed before this one, for what passes
	Stopped       *time.Time        `json:"stopped,omitempty"`
	StopTook      time.Duration     `json:"stop_took_ns,omitempty"`
	Released      bool              `json:"released"`
	GPURelease    *GPURelease       `json:"gpu_release,omitempty"` // absent: no GPU could be read
	Cooldown      time.Duration     `json:"cooldown_ns,omitempty"` // waited after the release
	Before        *Conditions       `json:"before,omitempty"`      // the GPUs right before the launch
	Warnings      []notice.Notice   `json:"warnings,omitempty"`
}

// Try is one launch of a start that failed and was tried again.
type Try struct {
	Began time.Time     `json:"began"`
	Ended time.Time     `json:"ended"`
	Class string        `json:"class"`
	Cause notice.Notice `json:"cause"`         // of its diagnosis
	Log   string        `json:"log,omitempty"` // file in the start's folder; absent: the server never ran
}

// GPURelease says how the wait for the memory of the GPUs ended, which is to
// come back to its level before the start.
type GPURelease struct {
	Back      bool          `json:"back"`
	Waited    time.Duration `json:"waited_ns"`
	LeftBytes int64         `json:"left_bytes,omitempty"` // above the level
	Left      string        `json:"left,omitempty"`       // on which GPU, and held by whom
}

// Phase is a part of the startup with its time since the launch.
type Phase struct {
	Name string        `json:"name"` // as package launcher names it
	At   time.Duration `json:"at_ns"`
}

// Identity is what was proved about the server before load.
type Identity struct {
	Model       string `json:"model"`         // id from /v1/models
	MaxModelLen int    `json:"max_model_len"` // tokens; 0: not told
	Version     string `json:"version"`       // "": not told
	Owner       string `json:"owner"`         // what proved ownership: container ID, pid; "" for endpoint
}

// Logged is what the server's log told about its own size during startup.
// Zero values were not logged.
type Logged struct {
	EngineVersion  string  `json:"engine_version,omitempty"`
	KVCacheTokens  int64   `json:"kv_cache_tokens,omitempty"`
	MaxConcurrency float64 `json:"max_concurrency,omitempty"` // requests of the maximum length that fit
	KVCacheGiB     float64 `json:"kv_cache_gib,omitempty"`    // memory available for the cache
	ModelGiB       float64 `json:"model_gib,omitempty"`       // memory taken by the weights
	Device         string  `json:"device,omitempty"`          // "cpu", "cuda", ...
	Cores          string  `json:"cores,omitempty"`           // of each worker of an engine on processors: "0-3|4-7"
}

// Effective is the configuration that a server runs with, as it tells it. Each
// flag that was asked for is in one of four lists.
type Effective struct {
	Source       string            `json:"source"` // who told, the most telling first
	Values       map[string]string `json:"values"` // by flag name; keys of a mapping behind a dot
	Confirmed    []string          `json:"confirmed,omitempty"`
	Contradicted []Difference      `json:"contradicted,omitempty"` // another value is in effect
	Parsed       []string          `json:"parsed,omitempty"`       // read as asked for; nothing tells what became of it
	Unconfirmed  []string          `json:"unconfirmed,omitempty"`  // not told, or not comparable
	Refused      string            `json:"refused,omitempty"`      // how the server failed when it was asked, in its words
}

// Difference is a flag whose value in effect is not the one asked for.
type Difference struct {
	Flag     string `json:"flag"`
	Asked    string `json:"asked"`
	InEffect string `json:"in_effect"`
}

// Diagnosis explains a failure with its evidence.
type Diagnosis struct {
	Class    string        `json:"class"`              // as package launcher names it
	Cause    notice.Notice `json:"cause"`              // of the code "quoted" where the server says it itself
	Evidence []string      `json:"evidence,omitempty"` // log lines
	Remedy   notice.Notice `json:"remedy,omitzero"`
	Exit     *Exit         `json:"exit,omitempty"`
	Certain  bool          `json:"certain,omitempty"` // repeats whenever the configuration is started
	Limit    *Limit        `json:"limit,omitempty"`   // end of the values of a flag that work
}

// Exit is how a server ended. Its names in files have been capitals from the
// first version on.
type Exit struct {
	Code   int       `json:"Code"`   // exit code; 128+n for signal n; -1 unknown
	Detail string    `json:"Detail"` // in the words of the system or the container service
	At     time.Time `json:"At"`
}

// Limit is the largest value of a flag that works, or the smallest.
type Limit struct {
	Flag  string  `json:"flag"`
	Value float64 `json:"value"`
	Least bool    `json:"least,omitempty"` // the smallest
}
