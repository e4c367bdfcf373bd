// Package experiment owns the experiment file: its types, strict decoding from
// YAML with line and column, defaults, validation, units and the JSON Schema.
// It reads one file and expands nothing: package matrix turns an Experiment
// into cells.
//
// Values of vLLM flags stay text exactly as written ("0.90", "32k"), because
// vLLM reads 1k as 1000 and 1K as 1024 and no round trip through a number may
// change that.
package experiment

import (
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Experiment is one decoded and validated experiment file.
type Experiment struct {
	File string // path as given, for messages
	Raw  []byte // bytes as read, copied into the run directory

	Version     int // file format version, 1
	Name        string
	Description string
	Server      Server
	Matrix      Matrix
	Loads       []Load     // in file order
	Benchmark   *Benchmark // of the loads that name none; nil: our own generator
	Trials      Trials
	Cooldown    Cooldown
	SLO         []Constraint // in file order; empty when the file has none
	UseCases    []UseCase    // in file order
	Confirm     Confirm      // the stage after the blocks
	Gates       Gates        // for what a trial does not count
	AbortWhen   AbortWhen    // how many such trials end the run
	Telemetry   Telemetry    // what is observed beside the load
	Notify      []Notify     // who is told at the end
}

// Server says what is started and how.
type Server struct {
	Model     string
	ModelName string // served model name; the model itself unless flag served-model-name says otherwise
	Flags     Flags  // the baseline, in file order
	APIKeyEnv string // name of the environment variable that holds the API key; empty: none

	// Exactly one of these is set.
	Podman    *Container
	Docker    *Container
	Process   *Process
	Endpoint  *Endpoint
	Simulated *Simulated

	Engine         string      // make of the server: EngineVLLM, EngineSGLang...
	Version        string      `json:",omitempty"` // release of the server, as declared: "0.28.0"; "" where it is looked for
	Compute        string      `json:",omitempty"` // ComputeCPU or ComputeGPU, as declared or, once resolved, as found; "" where it is not known
	ComputeBecause notice.Code `json:"-"`          // how that is known; "" where it is declared
	FlagStyle      string      // how flags are written on the command line: FlagsHyphens...
	ModelConfig    string      // path of the model's config.json; "" = looked for
	GPUMemory      int64       // bytes of one GPU, for predictions; 0 = read from the GPU

	SilenceTimeout time.Duration // a start that logs nothing for so long has failed; DefaultSilenceTimeout
	Parallel       string        // "" = one server at a time; PerGPU
	StallTimeout   time.Duration // a load under which no stream gets a token for so long has met a wedged server; DefaultStallTimeout
	ReadyTimeout   time.Duration // launch to ready; DefaultReadyTimeout
	StopTimeout    time.Duration // TERM to KILL; DefaultStopTimeout
}

// PerGPU lets independent starts run side by side on disjoint GPUs.
const PerGPU = "per-gpu"

// Backend is the name of the section that is set: "podman", "docker",
// "process", "endpoint" or "simulated".
func (s Server) Backend() string {
	switch {
	case s.Podman != nil:
		return "podman"
	case s.Docker != nil:
		return "docker"
	case s.Process != nil:
		return "process"
	case s.Endpoint != nil:
		return "endpoint"
	default:
		return "simulated"
	}
}

// Container is the section that is set of podman and docker; nil for the other
// backends.
func (s Server) Container() *Container {
	if s.Docker != nil {
		return s.Docker
	}
	return s.Podman
}

// Container starts each configuration in a container through a podman or
// docker service.
type Container struct {
	Image    string   // fully qualified reference
	Command  []string // put before the flags; empty for vllm-openai images, whose entry point is the server
	ModelArg string   // how the model is passed, as in Process
	GPUs     string   // "all", "none" (default) or a comma-separated list of indices, podman takes them as CDI devices nvidia.com/gpu=...
	Volumes  []string // "host:container[:options]", ~ expanded
	Env      []EnvVar
	Network  string // "" = published port on 127.0.0.1 (default); "host" = host network
	Port     int    // port inside the container with a published port; DefaultContainerPort
	IPC      string // "host" or ""
	ShmSize  int64  // bytes of /dev/shm; 0: 16 GiB
	Pull     string // missing (default), always, never
	Socket   string // address of the service (unix:///..., tcp://..., for podman ssh://...); "" = found as its own program finds it
	// Connection names one in podman's configuration (podman system
	// connection list) or a docker context; "" = the default one.
	Connection string
	User       string
	Memory     int64   // limit in bytes; 0: none
	CPUs       float64 // limit in cores; 0: none
	CPUSet     string  // cores it may use, such as 0-7,16; "" = all
}

// PassesModel reports whether the server's command is given the model's name.
// Otherwise the command, a flag or the image names the model, and Model is only
// the name that requests use.
func (s Server) PassesModel() bool {
	switch {
	case s.Container() != nil:
		return s.Container().ModelArg != ModelNone
	case s.Process != nil:
		return s.Process.ModelArg != ModelNone
	}
	return s.Endpoint == nil
}

// Process starts each configuration as a child process.
type Process struct {
	Command []string // e.g. [vllm, serve]; the model and flags are appended
	// ModelArg says how the model is passed: "flag" (default) appends
	// --model NAME, "positional" appends NAME, "none" appends nothing.
	ModelArg string
	Env      []EnvVar
	Dir      string // working directory; "" = the runner's
}

// Endpoint measures a server that somebody else runs. It cannot be restarted,
// so no flag can vary.
type Endpoint struct {
	URL string // base URL without /v1, e.g. http://127.0.0.1:8000
	TLS TLS    // of an https URL
}

// TLS says what a server over https is verified by, and what it is shown. Paths
// are resolved against the experiment file; empty fields: the system's trust,
// no client certificate.
type TLS struct {
	CA          string // certificates to trust, PEM
	SkipVerify  bool
	Certificate string // of this side, PEM
	Key         string // its private key, PEM; empty: in the same file
}

// Simulated starts the simulated vLLM server (the program vllm-sim) as a child
// process per configuration.
type Simulated struct {
	GPU     string   // name in the simulator's library, e.g. H100; DefaultSimulatedGPU
	GPUs    int      // how many of them; DefaultSimulatedGPUs
	Speedup float64  // simulated seconds per real second; DefaultSimulatedSpeedup
	Args    []string // further --sim-... arguments, passed as they are
}

// EnvVar is one environment variable of the server. Either Value is given, or
// FromEnv names the runner's variable or FromFile the file that holds it (for
// secrets: only the name or path is ever written anywhere).
type EnvVar struct {
	Name     string
	Value    string
	FromEnv  string
	FromFile string // path, ~ expanded, resolved against the experiment file
}

// FlagKind says how a flag is rendered on the command line.
type FlagKind string

const (
	// FlagText renders --name value.
	FlagText FlagKind = ""
	// FlagBool renders --name for true and --no-name for false.
	FlagBool FlagKind = "bool"
	// FlagUnset renders nothing: the server's own default applies.
	FlagUnset FlagKind = "unset"
	// FlagWords renders --name word word..., from a list.
	FlagWords FlagKind = "words"
	// FlagEach renders --name word --name word..., from a list.
	FlagEach FlagKind = "each"
)

// Flag is one server flag with one value.
type Flag struct {
	Name  string   `json:"name"`           // canonical: without leading dashes, hyphens for underscores
	Value string   `json:"value"`          // text as written; "true"/"false" for FlagBool; "" for FlagUnset; JSON for mappings and lists
	Kind  FlagKind `json:"kind,omitempty"` // from the YAML node
}

// String is the flag as shown to people: "max-model-len=8192".
func (f Flag) String() string {
	if f.Kind == FlagUnset {
		return f.Name + "=default"
	}
	return f.Name + "=" + f.Value
}

// Flags is an ordered set of flags with unique names.
type Flags []Flag

// Get returns the flag of that name.
func (fs Flags) Get(name string) (Flag, bool) {
	for _, f := range fs {
		if f.Name == name {
			return f, true
		}
	}
	return Flag{}, false
}

// With returns a copy in which f replaces the flag of the same name, in its
// place, or is appended.
func (fs Flags) With(f Flag) Flags {
	out := make(Flags, 0, len(fs)+1)
	found := false
	for _, g := range fs {
		if g.Name == f.Name {
			g, found = f, true
		}
		out = append(out, g)
	}
	if !found {
		out = append(out, f)
	}
	return out
}

// Strategies of a matrix.
const (
	OneAtATime = "one-at-a-time" // baseline plus each parameter varied alone (default)
	Grid       = "grid"          // every combination
	List       = "list"          // the configurations written out, plus the baseline
)

// Matrix declares what is varied.
type Matrix struct {
	Strategy   string
	Parameters []Parameter // in file order; empty with List
	// Configurations are the entries of strategy list: flags that differ from
	// the baseline.
	Configurations []Flags
	// Exclude holds patterns; a configuration is excluded when it has all
	// flags of one pattern with the values written there.
	Exclude []Flags
	Prune   bool // leave out what is certain to fail because a lesser configuration failed
}

// Parameter is a swept flag with its levels.
type Parameter struct {
	Name   string
	Levels []Flag // same name each; the baseline's level may be among them
}

// Load is one declared load: lengths and an arrival process with one or more points.
type Load struct {
	Name     string
	API      string // completions (default) or chat
	Prompt   Lengths
	Output   Lengths
	Arrivals Arrivals
	// At least one of Duration and Requests is set; with both, the first
	// reached ends the load. They bound the measured window, not the warm-up.
	Duration time.Duration
	Requests int
	// Timeout bounds one request from its send to its last byte.
	Timeout time.Duration
	// IgnoreEOS asks the server to generate exactly the wanted number of tokens (default true).
	IgnoreEOS bool
	// MinTokens and MaxTokens bound what any request asks for, whatever lengths,
	// dataset or trace say; 0: no bound. Without IgnoreEOS the server is told
	// MinTokens too.
	MinTokens, MaxTokens int
	Prefix               Prefix    // shared heads of the prompts
	Dataset              *Dataset  // prompts from a file; nil: made up
	Sessions             *Sessions // conversations; nil: single requests
	Headers              []Header  // of every request, in file order
	Body                 string    // further fields of every request, a JSON object; "": none
	// StopWhenSaturated skips the higher points on a start once the server fell
	// behind at a lower one; the points then run in rising order.
	StopWhenSaturated bool
	// Benchmark is the tool that makes the load: the load's own, or that of the
	// file; nil: our own generator.
	Benchmark *Benchmark
}

// AllLengths are the distributions of the load.
func (l Load) AllLengths() []Lengths {
	out := []Lengths{l.Prompt, l.Output}
	if l.Sessions != nil {
		out = append(out, l.Sessions.Turns, l.Sessions.FollowUp)
	}
	return out
}

// ArrivalKind names an arrival process.
type ArrivalKind string

// The arrival processes.
const (
	Constant    ArrivalKind = "constant"    // open loop, fixed gap; points are req/s
	Poisson     ArrivalKind = "poisson"     // open loop, exponential gaps; points are req/s
	Gamma       ArrivalKind = "gamma"       // open loop, gamma gaps; points are req/s
	Ramp        ArrivalKind = "ramp"        // open loop, a rate that goes linearly over the window; points are the rate at its end
	TraceReplay ArrivalKind = "trace"       // open loop, a recorded trace; points are speeds
	Concurrency ArrivalKind = "concurrency" // closed loop; points are requests in flight
	Throughput  ArrivalKind = "throughput"  // all at once, capped; points are the caps
	Sweep       ArrivalKind = "sweep"       // synchronous, saturated, and rates between, found at run time
)

// OpenLoop says whether requests are sent on a schedule of their own,
// whatever the server does.
func (k ArrivalKind) OpenLoop() bool {
	switch k {
	case Constant, Poisson, Gamma, Ramp, TraceReplay:
		return true
	default:
		return false
	}
}

// Rates says whether the points of the process are rates in req/s that hold all
// through the window.
func (k ArrivalKind) Rates() bool { return k == Constant || k == Poisson || k == Gamma }

// Arrivals is an arrival process with its points.
type Arrivals struct {
	Kind   ArrivalKind
	Points []float64 // rates or concurrencies, ascending as written; empty for Sweep
	// SweepPoints is the number of points of a Sweep (>= 3): the synchronous
	// rate, the saturated one, and SweepPoints-2 Poisson rates between.
	SweepPoints int
	// MaxConcurrency caps requests in flight in open loop; 0: no cap. A capped
	// open loop is "partly open" and is labelled so.
	MaxConcurrency int
	Burstiness     float64 // Gamma: shape of the gaps; 1 is Poisson, less is burstier
	From           float64 // Ramp: req/s at the beginning of the window
	Trace          *Trace  // TraceReplay
}

// LengthKind names a distribution of token counts.
type LengthKind string

// The length distributions.
const (
	Fixed     LengthKind = "fixed"
	Normal    LengthKind = "normal"
	Lognormal LengthKind = "lognormal"
	Uniform   LengthKind = "uniform"
	Empirical LengthKind = "empirical"
)

// Lengths is a distribution of token counts.
type Lengths struct {
	Kind LengthKind
	// Fixed uses Mean alone. Mean and Stdev of a lognormal are those of the
	// lognormal itself, not of its logarithm.
	Mean, Stdev float64
	// Min and Max clamp every draw; 0: no bound (but never under 1 token).
	Min, Max int
	// File (CSV, optionally .gz; resolved against the experiment file) and
	// Column of an empirical distribution. Two empirical lengths of one load
	// that name the same file are drawn from the same row.
	File, Column string
	// Digest is the SHA-256 of the empirical file's bytes in hexadecimal: with
	// Column it identifies the distribution wherever the file lies. Mean and
	// Stdev of an empirical distribution are those of the column.
	Digest string
}

// Orders of a run.
const (
	Blocks     = "blocks"     // randomised blocks with the baseline in each (default)
	Sequential = "sequential" // each configuration started once, all its repeats on that start
)

// Trials says how often and how a cell is measured.
type Trials struct {
	Repeat int // blocks; DefaultRepeat
	// PerStart is how often each load point is measured on one start; 1. The
	// repeats are averaged: they tell how much trials vary on one start.
	PerStart int
	Warmup   time.Duration // load before the window opens; DefaultWarmup
	Seed     uint64        // of run order, prompts and arrivals; DefaultSeed
	Order    string        // Blocks or Sequential
}

// Cooldown is the wait between a server's release and the next start.
type Cooldown struct {
	AtLeast time.Duration
	AtMost  time.Duration // limit when a condition below is given
	// GPUTemperature in degrees Celsius at or below which the GPUs count as cool; 0: not waited for.
	GPUTemperature float64
	// GPUMemory in bytes at or below which used GPU memory counts as released; 0: not waited for.
	GPUMemory int64
	Band      Band // relative to the block's first start
	// Adaptive halves the waits as long as the baseline shows no drift.
	Adaptive bool
}

// Conditional reports whether anything is waited for besides AtLeast.
func (c Cooldown) Conditional() bool {
	return c.GPUTemperature > 0 || c.GPUMemory > 0 || c.Band != Band{}
}

// Op compares a metric with a limit.
type Op string

// The comparisons of a constraint.
const (
	AtMost  Op = "<="
	AtLeast Op = ">="
)

// Constraint limits one metric. Value is in the metric's base unit (seconds,
// per second, fraction).
type Constraint struct {
	Metric string  `json:"metric"`
	Op     Op      `json:"op"`
	Value  float64 `json:"value"`
}

// UseCase asks for one recommendation.
type UseCase struct {
	Name      string       `json:"name"`
	Objective string       `json:"objective"` // metric name
	Maximize  bool         `json:"maximize"`  // otherwise minimised
	Load      string       `json:"load"`
	SubjectTo []Constraint `json:"subject_to,omitempty"` // its own, before those of slo, which apply to every use case that does not limit the same metric itself
}

// Defaults of the experiment file.
const (
	DefaultStallTimeout     = 2 * time.Minute
	DefaultReadyTimeout     = 20 * time.Minute
	DefaultStopTimeout      = 30 * time.Second
	DefaultContainerPort    = 8000
	DefaultSimulatedGPU     = "H100"
	DefaultSimulatedGPUs    = 1
	DefaultSimulatedSpeedup = 1.0
	DefaultRepeat           = 3
	DefaultWarmup           = 10 * time.Second
	DefaultSeed             = 1
	DefaultRequestTimeout   = 10 * time.Minute
	DefaultThroughputCap    = 512
)
