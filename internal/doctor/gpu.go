package doctor

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
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
		out = append(out, fine(fmt.Sprintf("GPU %d", d.Index), "%s, %s", d.Name, say.Bytes(d.MemoryBytes)))
	}
	out = append([]Check{fine("driver", "%s, read through %s", gpus.Driver(), gpus.Source())}, out...)
	samples, err := gpus.Sample(ctx)
	if err != nil {
		return append(out, found("NVML", Warning, notice.New("gpu-monitor-broken", notice.Args{"error": plain(err)}))), true
	}
	for _, s := range samples {
		out = append(out, busy(s)...)
	}
	return out, true
}

// noGPU tells a host without GPUs from one whose driver does not answer.
func (o Options) noGPU(err error) Check {
	if _, statErr := os.Stat(o.path("/proc/driver/nvidia/version")); statErr == nil {
		return found("driver", Failure, notice.New("gpu-driver-silent", notice.Args{"error": plain(err)}))
	}
	version := o.installed()
	switch {
	case preflight.OnProcessors(version):
		return fine("driver", "no NVIDIA GPU on this host; vLLM %s runs on the CPU", version)
	case o.onProcessors():
		return fine("driver", "no NVIDIA GPU on this host; the server computes on the CPU and needs none")
	case o.needsGPU():
		return found("driver", Failure, notice.New("gpu-missing", notice.Args{"error": plain(err)}))
	case o.mayUseGPU():
		return found("driver", Warning, notice.New("gpu-perhaps-missing", notice.Args{"error": plain(err)}))
	}
	return fine("driver", "no NVIDIA GPU on this host; simulated servers and endpoints need none")
}

// busy names what already uses a GPU.
func busy(s telemetry.Sample) []Check {
	var out []Check
	add := func(n notice.Notice) { out = append(out, found(fmt.Sprintf("GPU %d", s.Index), Warning, n)) }
	gpu := notice.Text(strconv.Itoa(s.Index))
	if used, known := s.Values[telemetry.MemoryUsed]; known && used > freeGPU {
		args := notice.Args{"gpu": gpu, "memory": notice.Bytes(used)}
		var who []string
		for _, p := range s.Processes {
			who = append(who, fmt.Sprintf("process %d (%s)", p.PID, say.Bytes(p.Memory)))
		}
		if len(who) > 0 {
			args["processes"] = notice.List(who...)
		}
		add(notice.New("gpu-in-use", args))
	}
	if t, known := s.Values[telemetry.Temperature]; known && t > hotIdle {
		add(notice.New("gpu-hot-idle", notice.Args{"gpu": gpu, "temperature": notice.Number(t)}))
	}
	if n, known := s.Values[telemetry.ECCUncorrected]; known && n > 0 {
		add(notice.New("gpu-memory-errors", notice.Args{"gpu": gpu, "n": notice.Count(int(n))}))
	}
	return out
}

// hotIdle is a temperature above which a GPU that does nothing is badly cooled,
// or not idle; degrees Celsius.
const hotIdle = 70
