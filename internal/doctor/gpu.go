package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher/preflight"
)

// freeGPU is memory in use that an idle GPU may show: driver and display.
const freeGPU = 1 << 30

// gpus examines the GPUs; present says that there are any.
func (o Options) gpus(ctx context.Context) (out []Check, present bool) {
	gpus, err := o.OpenGPUs(ctx)
	if err != nil {
		return []Check{o.noGPU(err)}, false
	}
	defer gpus.Close()
	for _, d := range gpus.Devices() {
		out = append(out, Check{Name: fmt.Sprintf("GPU %d", d.Index), Status: OK,
			Text: fmt.Sprintf("%s, %.1f GiB", d.Name, float64(d.MemoryBytes)/(1<<30))})
	}
	out = append([]Check{{Name: "driver", Status: OK, Text: fmt.Sprintf("%s, read through %s", gpus.Driver(), gpus.Source())}}, out...)
	samples, err := gpus.Sample(ctx)
	if err != nil {
		return append(out, Check{Name: "NVML", Status: Warning, Text: err.Error(), Remedy: "sweep cannot monitor the GPUs during a run; make nvidia-smi work"}), true
	}
	for _, s := range samples {
		out = append(out, busy(s)...)
	}
	return out, true
}

// noGPU tells a host without GPUs from one whose driver does not answer.
func (o Options) noGPU(err error) Check {
	c := Check{Name: "driver", Status: OK, Text: "no NVIDIA GPU on this host; simulated servers and endpoints need none"}
	if _, statErr := os.Stat(o.path("/proc/driver/nvidia/version")); statErr == nil {
		return Check{Name: "driver", Status: Failure, Text: "the NVIDIA driver is loaded but does not answer: " + err.Error(),
			Remedy: "run nvidia-smi; after a driver update, reboot the machine"}
	}
	if version := o.installed(); preflight.OnProcessors(version) {
		c.Text = fmt.Sprintf("no NVIDIA GPU on this host; vLLM %s runs on the CPU", version)
		return c
	}
	if o.onProcessors() {
		c.Text = "no NVIDIA GPU on this host; the server computes on the CPU and needs none"
		return c
	}
	if o.mayUseGPU() {
		c.Status, c.Text = Warning, err.Error()
		c.Remedy = "install the NVIDIA driver, or find out why nvidia-smi does not work"
		if o.needsGPU() {
			c.Status = Failure
		} else {
			c.Remedy = "a server on the CPU needs no GPU; for a server on GPUs, " + c.Remedy
		}
	}
	return c
}

// busy names what already uses a GPU.
func busy(s telemetry.Sample) []Check {
	var out []Check
	name := fmt.Sprintf("GPU %d", s.Index)
	if used, known := s.Values[telemetry.MemoryUsed]; known && used > freeGPU {
		var who []string
		for _, p := range s.Processes {
			who = append(who, fmt.Sprintf("%d (%.1f GiB)", p.PID, float64(p.Memory)/(1<<30)))
		}
		text := fmt.Sprintf("%.1f GiB are already in use", used/(1<<30))
		if len(who) > 0 {
			text += ", by processes " + strings.Join(who, ", ")
		}
		out = append(out, Check{Name: name, Status: Warning, Text: text, Remedy: "stop what uses the GPU, or the servers must share memory and speed with it"})
	}
	if t, known := s.Values[telemetry.Temperature]; known && t > hotIdle {
		out = append(out, Check{Name: name, Status: Warning, Text: fmt.Sprintf("%.0f °C without any load", t),
			Remedy: "check its cooling, and set cooldown.gpu_temperature so that every launch starts at the same temperature"})
	}
	if n, known := s.Values[telemetry.ECCUncorrected]; known && n > 0 {
		out = append(out, Check{Name: name, Status: Warning, Text: fmt.Sprintf("%.0f uncorrected memory errors since the driver was loaded", n),
			Remedy: "reset or replace the GPU before you start a run on it"})
	}
	return out
}

// hotIdle is a temperature above which a GPU that does nothing is badly cooled,
// or not idle; degrees Celsius.
const hotIdle = 70
