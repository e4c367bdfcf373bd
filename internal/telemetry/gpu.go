// Package telemetry observes what a run depends on and cannot control: the
// GPUs (NVML, or nvidia-smi where the program was built without cgo), the
// engine's own /metrics, the host and the load generator's process. It decides
// no verdicts.
//
// A Monitor reads all sources in goroutines of its own for as long as the run
// lasts; a Recording keeps what is read between its begin and its end; Derive
// makes a trial's facts of a recording; WriteParquet stores it. Cooldown waits
// until GPUs are as they were.
package telemetry

import (
	"context"
	"errors"
	"time"
)

// ErrNoGPU is wrapped when no NVIDIA driver answers on this host.
var ErrNoGPU = errors.New("no NVIDIA GPU can be read")

// Device is one GPU of the host.
type Device struct {
	Index       int
	Name        string
	UUID        string
	MemoryBytes uint64
}

// Quantities of a GPU, as keys of Sample.Values and as metrics of readings.
// Counters grow since the driver was loaded.
const (
	SMUtilisation     = "sm_utilisation"     // 0..1, share of time with a kernel running
	MemoryUtilisation = "memory_utilisation" // 0..1, share of time with the memory busy
	MemoryUsed        = "memory_used_bytes"
	Temperature       = "temperature_celsius" // core
	MemoryTemperature = "memory_temperature_celsius"
	Power             = "power_watts"
	Energy            = "energy_joules" // counter
	SMClock           = "sm_clock_mhz"
	MemoryClock       = "memory_clock_mhz"
	ThrottleReasons   = "throttle_reasons" // bits of nvml.h, see Causes
	ECCCorrected      = "ecc_corrected"    // counter
	ECCUncorrected    = "ecc_uncorrected"  // counter
	PCIeReceived      = "pcie_received_bytes"
	PCIeSent          = "pcie_sent_bytes"
	NVLinkReceived    = "nvlink_received_bytes"
	NVLinkSent        = "nvlink_sent_bytes"
	// ProcessMemory carries the process ID as its label.
	ProcessMemory = "process_memory_bytes"
	// Xid is a driver error event; its value is the Xid's number.
	Xid = "xid"
)

// Sample is one reading of one GPU.
type Sample struct {
	Index int
	// Values by quantity, all finite; what the GPU or its source does not offer is absent.
	Values map[string]float64
	// Unusable says, by quantity, why a value that was offered is absent.
	Unusable map[string]string
	// Processes that hold memory of the GPU; ProcessesKnown says whether they
	// were asked for this time.
	Processes      []Process
	ProcessesKnown bool
	// Xids are driver error events since the last sample.
	Xids []uint64
}

// Process holds memory of a GPU.
type Process struct {
	PID    int
	Memory uint64 // bytes; 0: not told
}

// GPUs reads GPUs.
type GPUs interface {
	// Source is how they are read: "nvml", "nvidia-smi", ...
	Source() string
	// Driver is the driver's version.
	Driver() string
	Devices() []Device
	// Sample reads every device once.
	Sample(ctx context.Context) ([]Sample, error)
	// Least is the shortest sensible time between two samples.
	Least() time.Duration
	Close() error
}
