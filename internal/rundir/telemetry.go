package rundir

import (
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Telemetry is what was observed beside a trial, inside its window unless said
// otherwise. What no source offered is absent.
type Telemetry struct {
	Sources []TelemetrySource `json:"sources"`
	GPU     *GPUFacts         `json:"gpu,omitempty"`
	Server  *ServerFacts      `json:"server,omitempty"`
	// ServerAbsent says why the engine's figures were left out: its counters are
	// not those of the trial's load.
	ServerAbsent string     `json:"server_absent,omitempty"`
	Host         *HostFacts `json:"host,omitempty"`
}

// TelemetrySource says how well a source answered over the whole trial.
type TelemetrySource struct {
	Source   string  `json:"source"`        // gpu, engine, host, client
	By       string  `json:"by,omitempty"`  // nvml, nvidia-smi, ...; the dialect of the engine's metrics
	Reads    int     `json:"reads"`         //
	Failures int     `json:"failures"`      //
	Gap      float64 `json:"longest_gap_s"` // longest time without a reading
	Error    string  `json:"error,omitempty"`
	// Absent says, by quantity, why values that the source stated were not
	// kept: NaN, say.
	Absent map[string]string `json:"absent,omitempty"`
}

// GPUFacts are of the GPUs that the server used, added up or the worst of
// them as each field says.
type GPUFacts struct {
	Devices []int `json:"devices"`
	// DevicesBy says how they were told from others: processes, memory, all.
	DevicesBy string `json:"devices_by"`
	// Energy is the sum over the devices, from their counters or integrated
	// from their power, as EnergyBy says: counter, power.
	Energy               *float64 `json:"energy_j,omitempty"`
	EnergyBy             string   `json:"energy_by,omitempty"`
	EnergyPerOutputToken *float64 `json:"energy_per_output_token_j,omitempty"`
	EnergyPerRequest     *float64 `json:"energy_per_request_j,omitempty"`
	TokensPerJoule       *float64 `json:"output_tokens_per_joule,omitempty"`
	PowerMean            *float64 `json:"power_mean_w,omitempty"` // sum over the devices
	PowerPeak            *float64 `json:"power_peak_w,omitempty"` // of one device
	// TemperatureStart is the warmest device's when the trial began.
	TemperatureStart *float64 `json:"temperature_start_c,omitempty"`
	TemperatureMean  *float64 `json:"temperature_mean_c,omitempty"`
	TemperaturePeak  *float64 `json:"temperature_peak_c,omitempty"`
	MemoryTempPeak   *float64 `json:"memory_temperature_peak_c,omitempty"`
	SMClockMin       *float64 `json:"sm_clock_min_mhz,omitempty"`
	SMClockMean      *float64 `json:"sm_clock_mean_mhz,omitempty"`
	SMClockMax       *float64 `json:"sm_clock_max_mhz,omitempty"`
	// SMClockSpread is (p95 − p5) / median of the busy devices' clocks.
	SMClockSpread   *float64 `json:"sm_clock_spread,omitempty"`
	UtilisationMean *float64 `json:"sm_utilisation_mean,omitempty"`
	MemoryBusyMean  *float64 `json:"memory_utilisation_mean,omitempty"`
	MemoryPeak      *float64 `json:"memory_used_peak_bytes,omitempty"` // of one device
	PCIeRate        *float64 `json:"pcie_bytes_per_s,omitempty"`       // both directions, sum over the devices
	NVLinkRate      *float64 `json:"nvlink_bytes_per_s,omitempty"`
	// Throttled is seconds by cause of the device that was throttled longest
	// for it; see docs/measuring.md for the causes.
	Throttled map[string]float64 `json:"throttled_s,omitempty"`
	// Foreign are processes on the devices that are not the server's, over the
	// whole trial.
	Foreign        []ForeignProcess `json:"foreign_processes,omitempty"`
	ECCCorrected   *float64         `json:"ecc_corrected,omitempty"` // new ones over the whole trial
	ECCUncorrected *float64         `json:"ecc_uncorrected,omitempty"`
	Xids           []uint64         `json:"xids,omitempty"` // over the whole trial
}

// ForeignProcess held memory of a GPU that the server used.
type ForeignProcess struct {
	PID         int   `json:"pid"`
	Device      int   `json:"device"`
	MemoryBytes int64 `json:"memory_bytes"`
}

// ServerFacts are from the engine's own metrics, over the span between the two
// scrapes nearest to the ends of the window.
type ServerFacts struct {
	Span              float64                  `json:"span_s"`
	KVCacheUsageMean  *float64                 `json:"kv_cache_usage_mean,omitempty"`
	KVCacheUsagePeak  *float64                 `json:"kv_cache_usage_peak,omitempty"`
	RunningMean       *float64                 `json:"running_mean,omitempty"`
	RunningPeak       *float64                 `json:"running_peak,omitempty"`
	WaitingMean       *float64                 `json:"waiting_mean,omitempty"`
	WaitingPeak       *float64                 `json:"waiting_peak,omitempty"`
	PreemptionRate    *float64                 `json:"preemptions_per_s,omitempty"`
	HitRate           *float64                 `json:"prefix_cache_hit_rate,omitempty"` // 0..1
	GenerationRate    *float64                 `json:"generation_tokens_per_s,omitempty"`
	PromptRate        *float64                 `json:"prompt_tokens_per_s,omitempty"`
	IterationTokens   *float64                 `json:"iteration_tokens_mean,omitempty"`
	Latency           map[string]ServerLatency `json:"latency,omitempty"` // ttft, itl, e2e, queue
	RestartedInWindow bool                     `json:"restarted,omitempty"`
}

// ServerLatency is the difference of one of the server's histograms, seconds.
// Quantiles are interpolated inside a bucket, whose width is the resolution;
// one in the first bucket, which has no lower bound, is absent.
type ServerLatency struct {
	Count         float64  `json:"count"`
	Mean          float64  `json:"mean_s"`
	P50           *float64 `json:"p50_s,omitempty"`
	P50Resolution *float64 `json:"p50_resolution_s,omitempty"`
	P95           *float64 `json:"p95_s,omitempty"`
	P95Resolution *float64 `json:"p95_resolution_s,omitempty"`
}

// HostFacts are of the machine that the load generator ran on.
type HostFacts struct {
	CPUShareMean    *float64 `json:"cpu_share_mean,omitempty"` // 0..1 of all processors
	CPUSharePeak    *float64 `json:"cpu_share_peak,omitempty"`
	RunQueueMean    *float64 `json:"run_queue_mean,omitempty"`
	MemoryAvailable *float64 `json:"memory_available_min_bytes,omitempty"`
	NetworkRate     *float64 `json:"network_bytes_per_s,omitempty"` // both directions, without the loopback
	ClientCPU       *float64 `json:"client_cpu,omitempty"`          // processors that the load generator kept busy
	ClientGCPauses  *float64 `json:"client_gc_pause_s,omitempty"`   // sum
}

// Causes for which a trial does not count.
const (
	CauseClient         = "client"          // the load generator was at its limits
	CauseFailures       = "failures"        // too many requests failed
	CauseRestart        = "restart"         // the server restarted inside the window
	CauseThrottled      = "throttled"       // for heat, power brake or hardware slowdown
	CauseForeignProcess = "foreign_process" // on the server's GPUs
	CauseGPUError       = "gpu_error"       // an uncorrected ECC error or an Xid
	CauseTelemetryLost  = "telemetry_lost"  // the GPUs could not be read
	CauseImpossible     = "impossible"      // its figures cannot be true; found when the run is read
)

// Conditions are the state of the GPUs before a start, and whether the
// cool-down before it reached what it waited for: covariates of its trials.
type Conditions struct {
	GPUs []GPUState `json:"gpus,omitempty"`
	// Reached is absent before the first start, where nothing was waited for.
	Reached *bool         `json:"cooldown_reached,omitempty"`
	Missing notice.Notice `json:"cooldown_missing,omitzero"` // what was not reached
	// Factor multiplied the waits; less than 1 in the adaptive mode.
	Factor float64 `json:"cooldown_factor,omitempty"`
}

// GPUState is one GPU at one moment. What is not offered is absent.
type GPUState struct {
	Device      int      `json:"device"`
	Temperature *float64 `json:"temperature_c,omitempty"`
	SMClock     *float64 `json:"sm_clock_mhz,omitempty"`
	MemoryUsed  *float64 `json:"memory_used_bytes,omitempty"`
	Utilisation *float64 `json:"sm_utilisation,omitempty"`
}

// Warmup is what came before a trial's own load.
type Warmup struct {
	Rounds  int     `json:"rounds,omitempty"` // of the warm-up gate
	Took    float64 `json:"took_s,omitempty"`
	Settled bool    `json:"settled,omitempty"`
	// Change is the relative change of the median latencies between the last
	// two rounds.
	Change *float64 `json:"change,omitempty"`
	// PrefixCache says what became of the server's prefix cache.
	PrefixCache string `json:"prefix_cache,omitempty"`
}
