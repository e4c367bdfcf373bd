package preflight

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/launcher/vllmmemory"
)

// Facts are what is known of the server, the model and the GPUs. A zero value
// knows nothing, and finds little.
type Facts struct {
	Release   int                       // minor number of vLLM 0.x
	Known     bool                      // the release is known
	catalogue map[string]vllmflags.Flag // filled by Check

	Exact bool // the server takes the catalogue's flags and no others (the simulated one)

	Model       *vllmmemory.Model // nil: not known
	ModelSource string            // where its shape is from

	GPUs        int     // that the server gets; 0: not known
	GPUMemory   float64 // bytes of one; 0: not known
	GPUName     string
	A100        bool // for which vLLM's defaults are smaller
	LongAllowed bool // VLLM_ALLOW_LONG_MAX_MODEL_LEN=1
}

// GPU is one of the host's.
type GPU struct {
	Name   string
	Memory float64 // bytes
}

// Host is what Gather asks of the machine. A nil function knows nothing.
type Host struct {
	GPUs      []GPU
	LookupEnv func(string) (string, bool)
	Home      string
	// Simulator is the release that the experiment's simulated server plays, and
	// GPUs are those of its machine then; "": not told.
	Simulator string
	// Accelerated reports whether this machine has any GPU; Listens whether an
	// inference server of this machine listens at an address.
	Accelerated func() bool
	Listens     func(address string) bool
}

// Gather collects the facts about an experiment. notes say what could not be
// found out and why it matters.
func Gather(e *experiment.Experiment, h Host) (f Facts, notes []notice.Notice) {
	s := e.Server
	notes = f.released(s, h)
	f.LongAllowed = longAllowed(s)
	notes = append(notes, f.model(s, h)...)
	gpus := h.GPUs
	switch {
	case s.Compute == experiment.ComputeCPU:
		return f, notes // vLLM reserves what it is told of the host's memory, which other rules hold for
	case s.Container() != nil && s.Container().GPUs != "all" && s.Container().GPUs != "none":
		f.GPUs = strings.Count(s.Container().GPUs, ",") + 1
	case s.Container() != nil && s.Container().GPUs == "none":
		gpus = nil
	default:
		f.GPUs = len(gpus)
	}
	if len(gpus) > 0 {
		smallest := slices.MinFunc(gpus, func(a, b GPU) int { return int(a.Memory/1e6 - b.Memory/1e6) })
		f.GPUMemory, f.GPUName = smallest.Memory, smallest.Name
		f.A100 = strings.Contains(smallest.Name, "A100")
	}
	if s.GPUMemory > 0 {
		f.GPUMemory = float64(s.GPUMemory)
	}
	return f, notes
}

// released finds the server's release: the declared one, else the one of the
// image's tag, of the environment that the command runs in, or what the simulated
// server tells.
func (f *Facts) released(s experiment.Server, h Host) (notes []notice.Notice) {
	version := s.Version
	switch {
	case version != "", s.Endpoint != nil, s.Engine != experiment.EngineVLLM:
	case s.Container() != nil:
		image, _, _ := strings.Cut(s.Container().Image, "@")
		if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
			version = image[i+1:]
		}
	case s.Process != nil:
		version = installed(s.Process, h)
	case s.Simulated != nil:
		version = h.Simulator
		f.Exact = version != ""
	}
	f.Release, f.Known = vllmflags.Release(version)
	if !f.Known && len(s.Flags) > 0 && s.Endpoint == nil && s.Engine == experiment.EngineVLLM {
		notes = append(notes, notice.New("release-unknown", notice.Args{"newest": release(vllmflags.Newest())}))
	}
	return notes
}

func longAllowed(s experiment.Server) bool {
	var vars []experiment.EnvVar
	switch {
	case s.Container() != nil:
		vars = s.Container().Env
	case s.Process != nil:
		vars = s.Process.Env
	}
	return slices.ContainsFunc(vars, func(v experiment.EnvVar) bool { return v.Name == "VLLM_ALLOW_LONG_MAX_MODEL_LEN" && v.Value == "1" })
}

// model finds the model's shape: the file that is given, the Hugging Face
// caches, the small library.
func (f *Facts) model(s experiment.Server, h Host) []notice.Notice {
	path := s.ModelConfig
	if path == "" && s.Simulated == nil {
		path = vllmmemory.FindConfig(hostPath(s), Caches(s, h))
	}
	if path != "" {
		m, err := vllmmemory.ReadConfig(path)
		if err == nil {
			f.Model, f.ModelSource = &m, path
			return nil
		}
		return []notice.Notice{notice.New("model-config-unread", notice.Args{"error": notice.Text(wording.Plain(err.Error()))})}
	}
	if m, ok := vllmmemory.FindModel(s.Model); ok {
		f.Model, f.ModelSource = &m, "sweep's list of model shapes"
		return nil
	}
	if s.Endpoint != nil || s.Engine != experiment.EngineVLLM {
		return nil
	}
	return []notice.Notice{notice.New("model-unknown", notice.Args{"model": notice.Text(s.Model)})}
}

// hostPath is the model's name or, for a folder inside a container, the folder
// of the host that is mounted there.
func hostPath(s experiment.Server) string {
	if s.Container() == nil || !strings.HasPrefix(s.Model, "/") {
		return s.Model
	}
	for _, v := range s.Container().Volumes {
		host, inside, _ := strings.Cut(v, ":")
		inside, _, _ = strings.Cut(inside, ":")
		if rest, below := strings.CutPrefix(s.Model+"/", strings.TrimSuffix(inside, "/")+"/"); below {
			return filepath.Join(host, rest)
		}
	}
	return ""
}

// Caches are the Hugging Face caches that the server may see: the host's side
// of a container's mounts, or the environment's.
func Caches(s experiment.Server, h Host) []string {
	var out []string
	if s.Container() != nil {
		for _, v := range s.Container().Volumes {
			if host, inside, ok := strings.Cut(v, ":"); ok && strings.Contains(inside, "huggingface") {
				out = append(out, host)
			}
		}
	}
	if h.LookupEnv != nil {
		for _, name := range []string{"HF_HUB_CACHE", "HF_HOME"} {
			if dir, ok := h.LookupEnv(name); ok && dir != "" {
				out = append(out, dir)
			}
		}
	}
	if h.Home != "" {
		out = append(out, filepath.Join(h.Home, ".cache", "huggingface"))
	}
	return out
}

// String says what the findings rest on: "vLLM 0.27, Qwen/Qwen3-8B (its
// config.json), 1 x NVIDIA H100 80GB HBM3 of 79.2 GiB".
func (f Facts) String() string {
	var parts []string
	if f.Known {
		parts = append(parts, "vLLM 0."+strconv.Itoa(f.Release))
	}
	if f.Model != nil {
		parts = append(parts, "the model's shape from "+f.ModelSource)
	}
	if f.GPUMemory > 0 {
		name := f.GPUName
		if name == "" {
			name = "GPU"
		}
		parts = append(parts, fmt.Sprintf("%d × %s with %.1f GiB", max(f.GPUs, 1), name, f.GPUMemory/vllmmemory.GiB))
	}
	return strings.Join(parts, ", ")
}
