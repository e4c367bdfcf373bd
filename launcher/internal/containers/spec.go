package containers

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// Spec is a container to create, in words that every service understands.
type Spec struct {
	Name      string
	Image     string // ID
	Reference string // as people write it
	Command   []string
	Env       map[string]string
	Labels    map[string]string
	Volumes   []Volume
	GPUs      []string // "all" alone, or indices; empty: none
	// HostNetwork shares the host's network; otherwise Port is published at
	// HostIP ("" = every address) and HostPort (0 = the service picks one).
	HostNetwork bool
	HostIP      string
	HostPort    int
	Port        int // where the server listens
	IPCHost     bool
	ShmSize     int64 // bytes; 0 where IPCHost is set
	User        string
	Memory      int64
	CPUs        float64
	CPUSet      string
}

// spec is what to create for one start. port is where the server is reached,
// 0 when the service on another machine is to pick it.
func (o Options) spec(start launcher.Spec, image Image, port int, local bool) Spec {
	s := Spec{
		Name: containerName(start.RunID, start.StartID), Image: image.ID, Reference: o.Image,
		Env: start.Env, Labels: map[string]string{LabelRun: start.RunID, LabelStart: start.StartID},
		User: o.User, Memory: o.Memory, CPUs: o.CPUs, CPUSet: o.CPUSet,
		HostNetwork: o.Network == "host", HostPort: port, Port: o.Port,
	}
	if start.RunDir != "" {
		s.Labels[LabelDir] = start.RunDir
		s.Labels[LabelHost], _ = os.Hostname()
	}
	for _, v := range o.Volumes {
		parsed, _ := ParseVolume(v) // Check has seen them
		s.Volumes = append(s.Volumes, parsed)
	}
	s.GPUs = o.gpus(start)
	if s.IPCHost = o.IPC == "host"; !s.IPCHost {
		s.ShmSize = cmp.Or(o.ShmSize, defaultShmSize)
	}
	address := "0.0.0.0"
	switch {
	case s.HostNetwork && local:
		s.Port, address = port, "127.0.0.1"
	case !s.HostNetwork && local:
		s.HostIP = "127.0.0.1"
	}
	model, _ := launcher.ModelArgs(o.ModelArg, start.Model) // Check has seen it
	s.Command = slices.Concat(command(image.Entrypoint, o.Command), model, start.Args,
		[]string{"--host", address, "--port", strconv.Itoa(s.Port)})
	return s
}

// gpus are those of the start where it was given some of its own, otherwise
// those of the experiment.
func (o Options) gpus(start launcher.Spec) []string {
	switch {
	case o.GPUs == "" || o.GPUs == "none":
		return nil
	case len(start.GPUs) > 0:
		return start.GPUs
	}
	var out []string
	for index := range strings.SplitSeq(o.GPUs, ",") {
		out = append(out, strings.TrimSpace(index))
	}
	return out
}

// command leaves out what the image's entry point says already. The image of
// vLLM began with `python3 -m vllm.entrypoints.openai.api_server` until
// October 2025 and begins with `vllm serve` since; both take the flags, neither
// takes a second "vllm serve" or "serve".
func command(entrypoint, given []string) []string {
	for n := min(len(entrypoint), len(given)); n > 0; n-- {
		if slices.Equal(entrypoint[len(entrypoint)-n:], given[:n]) {
			return given[n:]
		}
	}
	if slices.Contains(entrypoint, "vllm.entrypoints.openai.api_server") && slices.Equal(given, []string{"vllm", "serve"}) {
		return nil
	}
	return given
}

// containerName makes a name from the run and the start. Names are limited to
// [a-zA-Z0-9][a-zA-Z0-9_.-]*.
func containerName(runID, startID string) string {
	return "sweep-" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '-'
	}, runID+"-"+startID)
}

// commandLine is the command of the program (podman or docker) that starts the
// same container by hand.
func (s Spec) commandLine(program string) []string {
	out := []string{program, "run", "--rm"}
	option := func(name, value string, given bool) {
		if given {
			out = append(out, name, value)
		}
	}
	switch {
	case len(s.GPUs) > 0 && program == "docker":
		ids := s.GPUs[0]
		if ids != "all" {
			ids = `"device=` + strings.Join(s.GPUs, ",") + `"`
		}
		option("--gpus", ids, true)
	case len(s.GPUs) > 0:
		for _, g := range s.GPUs {
			option("--device", "nvidia.com/gpu="+g, true)
		}
		option("--security-opt", "label=disable", true)
	}
	for _, v := range s.Volumes {
		option("--volume", strings.Join(append([]string{v.Source, v.Destination}, v.joined()...), ":"), true)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		option("--env", name+"="+s.Env[name], true)
	}
	option("--network", "host", s.HostNetwork)
	if !s.HostNetwork {
		var published []string
		if s.HostIP != "" {
			published = append(published, s.HostIP)
		}
		if s.HostPort != 0 {
			published = append(published, strconv.Itoa(s.HostPort))
		}
		option("--publish", strings.Join(append(published, strconv.Itoa(s.Port)), ":"), true)
	}
	option("--ipc", "host", s.IPCHost)
	option("--shm-size", strconv.FormatInt(s.ShmSize, 10), s.ShmSize > 0)
	option("--memory", strconv.FormatInt(s.Memory, 10), s.Memory > 0)
	option("--cpus", strconv.FormatFloat(s.CPUs, 'g', -1, 64), s.CPUs > 0)
	option("--cpuset-cpus", s.CPUSet, s.CPUSet != "")
	option("--user", s.User, s.User != "")
	return append(append(out, s.Reference), s.Command...)
}

func (v Volume) joined() []string {
	if len(v.Options) == 0 {
		return nil
	}
	return []string{strings.Join(v.Options, ",")}
}
