// Package telemetry observes what a run depends on and cannot control: the
// GPUs (NVML, or nvidia-smi where the program was built without cgo), the
// engine's own /metrics, and the host. It decides no verdicts.
package telemetry

import (
	"context"
	"errors"
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

// Sample is one reading of one GPU.
type Sample struct {
	Index       int
	MemoryUsed  uint64  // bytes
	Temperature float64 // degrees Celsius, core
	Utilisation float64 // 0..1, SM
	Power       float64 // watts; 0 when not offered
	SMClock     float64 // MHz; 0 when not offered
}

// GPUs reads the GPUs of this host.
type GPUs interface {
	// Source is "nvml" or "nvidia-smi".
	Source() string
	// Driver is the driver's version.
	Driver() string
	Devices() []Device
	// Sample reads every device once.
	Sample(ctx context.Context) ([]Sample, error)
	Close() error
}
