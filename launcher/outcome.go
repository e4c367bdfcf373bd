package launcher

import (
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Class says why a start failed. The strings are stored in records.
type Class string

// The classes of failure (facts: vLLM's own messages, see diagnose.go).
const (
	ClassArguments    Class = "arguments"     // unknown flag or value: exit 2
	ClassKVCache      Class = "kv-cache"      // cache cannot hold one request, or nothing is left for it
	ClassGPUNotFree   Class = "gpu-not-free"  // less free GPU memory than asked for
	ClassGPUMemory    Class = "gpu-memory"    // CUDA out of memory
	ClassConfig       Class = "configuration" // heads against tensor parallel, max length, scheduler limits...
	ClassGPUs         Class = "gpus"          // more GPUs wanted than there are
	ClassModel        Class = "model"         // unknown, gated or unreachable model
	ClassPort         Class = "port"          // address in use, or another server answers on it
	ClassIdentity     Class = "identity"      // another model answers, or the key is refused
	ClassTimeout      Class = "timeout"       // not ready in time
	ClassImage        Class = "image"         // image missing or not pullable
	ClassBackend      Class = "backend"       // podman service down, executable missing
	ClassHostMemory   Class = "host-memory"   // the host's memory: killed with 137, or less free than asked for
	ClassExited       Class = "exited"        // ended before it was ready, cause unknown
	ClassEngineDead   Class = "engine-dead"   // engine died after ready
	ClassWedge        Class = "wedge"         // alive after ready, but nothing comes any more
	ClassNCCL         Class = "nccl"          // the GPUs cannot talk to each other
	ClassDistributed  Class = "distributed"   // the server's processes cannot, or lost each other
	ClassEnvironment  Class = "environment"   // compiler, libraries, packages, permissions, limits of the machine
	ClassNetwork      Class = "network"       // model hub or registry out of reach
	ClassDisk         Class = "disk"          // no space left
	ClassSilent       Class = "silent"        // the log said nothing for too long while starting
	ClassNotApplied   Class = "not-applied"   // the server runs with another value than was asked for
	ClassUnclassified Class = "unclassified"
)

// Diagnosis explains a failure with its evidence.
type Diagnosis struct {
	Class    Class
	Cause    notice.Notice // root cause, a clause; of the code "quoted" where the server says it itself
	Evidence []string      // log lines
	Remedy   notice.Notice // what is wrong in sweep's words, and what to do
	Exit     *Exit
	// Certain marks a failure that repeats whenever the configuration is
	// started, although others of its class may pass.
	Certain bool
	// Limit is the end of the values of a flag that work, where the message
	// names it.
	Limit *Limit
}

// Limit is the largest value of a flag that works, or the smallest. It holds
// for configurations that are otherwise the same.
type Limit struct {
	Flag  string
	Value float64
	Least bool // the smallest
}

// Excludes reports whether a value is beyond the limit.
func (l *Limit) Excludes(x float64) bool { return l.Least && x < l.Value || !l.Least && x > l.Value }

// Quoted is the cause that a server, a container service or the system words
// itself.
func Quoted(words string) notice.Notice {
	return notice.New("quoted", notice.Args{"words": notice.Text(words)})
}

// Failure is the error of a start that did not become ready. By the time it is
// returned the server has been stopped.
type Failure struct {
	Diagnosis Diagnosis
	Err       error // what was being done; may be nil

	// What is known of the start, for its record; empty when nothing was
	// launched.
	ID      string
	Command []string
	Facts   map[string]string
	Phases  []Phase
	Logged  Logged
	// Effective is the configuration in effect, of a start that failed for it.
	Effective *Effective
	Compute   string   // see Server
	Release   *Release // of the server that had been launched
}

// Error is the root cause in one line.
func (f *Failure) Error() string { return string(f.Diagnosis.Class) + ": " + f.Diagnosis.Cause.Text() }

// Unwrap returns the underlying error.
func (f *Failure) Unwrap() error { return f.Err }

// Phase is a part of the startup with its time since the launch.
type Phase struct {
	Name string // launched, loading, compiling, profiling, graphs, ready
	At   time.Duration
}

// Identity is what was proved about the server before load.
type Identity struct {
	Model       string // id from /v1/models
	MaxModelLen int    // from /v1/models; 0 if not told
	Version     string // from /version; "" if not told
	Owner       string // what proved ownership: container ID, pid; "" for endpoint
}

// Logged is what the server's log told about its own size during startup.
// Zero values were not logged.
type Logged struct {
	EngineVersion  string
	KVCacheTokens  int64
	MaxConcurrency float64 // requests of the maximum length that fit
	KVCacheGiB     float64 // memory available for the cache
	ModelGiB       float64 // memory taken by the weights
	Device         string  // "cpu", "cuda", ...
	Cores          Cores   // that an engine on processors binds its threads to
}

// Release says what was proved after a stop. Durations are wall-clock.
type Release struct {
	Gone     bool // process group or container no longer exists
	PortFree bool // connections to the port are refused
	LeftOn   bool // the server is somebody else's and keeps running
	StopTook time.Duration
	PortTook time.Duration // from gone to port free
	Problem  string
}
