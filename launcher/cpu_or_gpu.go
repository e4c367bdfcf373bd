package launcher

import (
	"slices"
	"strings"
)

// On what a server computes. The values are stored in records.
const (
	ComputeCPU = "cpu" // the processors of its machine
	ComputeGPU = "gpu" // any accelerator
)

// computeOf is on what a server computes: what it says of itself, in its log
// and when it is asked, before what was expected of it; "" where nobody knows.
func computeOf(spec Spec, logged Logged, told Told, id Identity) string {
	for _, device := range []string{told.Device, logged.Device} {
		if device != "" {
			return computeOn(device)
		}
	}
	for _, version := range []string{id.Version, told.Version, logged.EngineVersion} {
		if strings.HasSuffix(version, "+cpu") || strings.Contains(version, "+cpu.") {
			return ComputeCPU
		}
	}
	return spec.Compute
}

// Simulated reports whether a server's version says that the server is a
// simulated one. It does so as a build says what it is for: 0.32.0+cpu, 0.32.0+sim.
func Simulated(version string) bool {
	_, label, _ := strings.Cut(version, "+")
	return label == "sim"
}

// computeOn is what a device's name stands for: "cpu", "cuda", "cuda:0", "xpu".
func computeOn(device string) string {
	if device == "cpu" || strings.HasPrefix(device, "cpu:") {
		return ComputeCPU
	}
	return ComputeGPU
}

// complete takes what the server told of itself and its log did not.
func (s *Server) complete(told Told) {
	if s.Identity.Version == "" {
		s.Identity.Version = told.Version
	}
	if s.Logged.KVCacheTokens == 0 {
		s.Logged.KVCacheTokens = told.KVCacheTokens
	}
	if s.Logged.MaxConcurrency == 0 {
		s.Logged.MaxConcurrency = told.MaxConcurrency
	}
}

// deviceVariables choose the GPUs of the processes that inherit them.
var deviceVariables = []string{"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES",
	"HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}

// ChoosesDevices says whether a variable decides on which GPUs a server runs.
func ChoosesDevices(name string) bool { return slices.Contains(deviceVariables, name) }
