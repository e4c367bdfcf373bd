package preflight

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/internal/sockets"
)

// Compute says on what the servers of an experiment will compute, and by which
// code of the catalog (without arguments) that is known: as declared, or by the GPUs that they are given and that this
// machine has. Both are "" where nothing tells; a server that runs tells more.
func Compute(s experiment.Server, h Host) (on string, because notice.Code) {
	switch {
	case s.Compute != "":
		return s.Compute, cmp.Or(s.ComputeBecause, notice.Known("declared"))
	case s.Simulated != nil:
		return experiment.ComputeGPU, notice.Known("simulated-here")
	case s.Container() != nil && s.Container().GPUs == "none":
		return experiment.ComputeCPU, notice.Known("container-without-gpu")
	case s.Container() != nil:
		return experiment.ComputeGPU, notice.Known("container-with-gpus")
	case s.Process != nil && (h.hidesGPUs(s) || h.Accelerated != nil && !h.Accelerated()):
		return experiment.ComputeCPU, notice.Known("process-without-gpu")
	case s.Process != nil && s.Engine == experiment.EngineVLLM && OnProcessors(installed(s.Process, h)):
		return experiment.ComputeCPU, notice.Known("vllm-for-cpus")
	case s.Endpoint != nil && h.Accelerated != nil && !h.Accelerated() && h.Listens != nil && h.Listens(s.Endpoint.URL):
		return experiment.ComputeCPU, notice.Known("endpoint-without-gpu")
	}
	return "", ""
}

// blinds are the variables that hide GPUs from a server by an empty value or -1.
var blinds = []string{"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}

// hidesGPUs reports whether the server's environment hides all GPUs from it.
func (h Host) hidesGPUs(s experiment.Server) bool {
	for _, name := range blinds {
		var v string
		var given bool
		if h.LookupEnv != nil {
			v, given = h.LookupEnv(name)
		}
		for _, own := range s.Process.Env {
			if own.Name == name && own.FromEnv == "" && own.FromFile == "" {
				v, given = own.Value, true
			}
		}
		if given && (v == "" || v == "-1") {
			return true
		}
	}
	return false
}

// Listens reports whether a process of this machine that is an inference
// server listens at an address. A tunnel, a proxy or a router does not count:
// what stands behind it may be anywhere. The address is taken to be of this
// machine.
func Listens(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return false
	}
	listeners, err := sockets.Listeners(port)
	if err != nil {
		return false // not known here
	}
	return slices.ContainsFunc(listeners, func(l sockets.Listener) bool {
		return slices.ContainsFunc(l.PIDs, func(pid int) bool { return serves(commandLine(pid)) })
	})
}

// serves says whether a command line is an inference server's.
func serves(words []string) bool {
	for i, w := range words {
		name := w[strings.LastIndexByte(w, '/')+1:]
		switch {
		case name == "llama-server", strings.HasPrefix(w, "VLLM::"), w == "vllm.entrypoints.openai.api_server", w == "sglang.launch_server":
			return true
		case name == "vllm" && i+1 < len(words) && words[i+1] == "serve":
			return true
		}
	}
	return false
}
