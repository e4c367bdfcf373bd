//go:build !cgo

package telemetry

import "context"

// OpenGPUs reads GPUs through nvidia-smi, because NVML needs cgo. Where the
// command is missing or finds nothing the error wraps ErrNoGPU.
func OpenGPUs(ctx context.Context) (GPUs, error) { return openSMI(ctx, "nvidia-smi") }
