package podman

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// createBody is the part of podman's SpecGenerator (pkg/specgen, which needs
// build tags) that is used here.
type createBody struct {
	Name          string            `json:"name"`
	Image         string            `json:"image"`
	Command       []string          `json:"command"`
	Env           map[string]string `json:"env,omitempty"`
	Labels        map[string]string `json:"labels"`
	Mounts        []mount           `json:"mounts,omitempty"`
	Volumes       []volume          `json:"volumes,omitempty"`
	Devices       []device          `json:"devices,omitempty"`
	SelinuxOpts   []string          `json:"selinux_opts,omitempty"`
	NetNS         *namespace        `json:"netns,omitempty"`
	PortMappings  []portMapping     `json:"portmappings,omitempty"`
	IpcNS         *namespace        `json:"ipcns,omitempty"`
	ShmSize       *int64            `json:"shm_size,omitempty"`
	User          string            `json:"user,omitempty"`
	RestartPolicy string            `json:"restart_policy"`
	Log           logConfiguration  `json:"log_configuration"`
}

type mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

// volume has no JSON names in podman either.
type volume struct {
	Name    string
	Dest    string
	Options []string
}

type device struct {
	Path string `json:"path"`
}

type namespace struct {
	Mode string `json:"nsmode"`
}

type portMapping struct {
	HostIP        string `json:"host_ip"`
	HostPort      uint16 `json:"host_port"` // 0: the service picks one
	ContainerPort uint16 `json:"container_port"`
	Protocol      string `json:"protocol"`
}

type logConfiguration struct {
	Driver string `json:"driver"`
}

// containerSpec is what to create for one start. port is where the server is
// reached, 0 when the service on another machine is to pick it.
func (o Options) containerSpec(spec launcher.Spec, image Image, port int, local bool) createBody {
	body := createBody{
		Name:   containerName(spec.RunID, spec.StartID),
		Image:  image.ID,
		Env:    spec.Env,
		Labels: map[string]string{labelRun: spec.RunID, labelStart: spec.StartID},
		User:   o.User,
		// Exit code and log are wanted after the end: no restart, no removal
		// by podman itself.
		RestartPolicy: "no",
		// A file, because journald drops lines of a server that logs much.
		Log: logConfiguration{Driver: "k8s-file"},
	}
	for _, v := range o.Volumes {
		switch parsed, _ := parseVolume(v); m := parsed.(type) { // Check has seen them
		case mount:
			body.Mounts = append(body.Mounts, m)
		case volume:
			body.Volumes = append(body.Volumes, m)
		}
	}
	if body.Devices = o.devices(); body.Devices != nil {
		// SELinux lets no container at the GPU's device files otherwise
		// (NVIDIA Container Toolkit, support for CDI).
		body.SelinuxOpts = []string{"disable"}
	}
	switch {
	case o.IPC == "host" || o.ShmSize == 0 && parallel(spec.Args):
		body.IpcNS = &namespace{Mode: "host"}
	case o.ShmSize > 0:
		body.ShmSize = &o.ShmSize
	}
	inside, address := o.Port, "0.0.0.0"
	switch {
	case o.Network == "host" && local:
		inside, address = port, "127.0.0.1"
		body.NetNS = &namespace{Mode: "host"}
	case o.Network == "host":
		body.NetNS = &namespace{Mode: "host"}
	case local:
		body.PortMappings = []portMapping{{HostIP: "127.0.0.1", HostPort: uint16(port), ContainerPort: uint16(o.Port), Protocol: "tcp"}}
	default:
		body.PortMappings = []portMapping{{ContainerPort: uint16(o.Port), Protocol: "tcp"}}
	}
	body.Command = slices.Concat(o.Command, []string{"--model", spec.Model}, spec.Args,
		[]string{"--host", address, "--port", strconv.Itoa(inside)})
	return body
}

// devices are the CDI names of the GPUs.
func (o Options) devices() []device {
	if o.GPUs == "" || o.GPUs == "none" {
		return nil
	}
	var out []device
	for index := range strings.SplitSeq(o.GPUs, ",") {
		out = append(out, device{Path: "nvidia.com/gpu=" + strings.TrimSpace(index)})
	}
	return out
}

// parallelFlags spread a model over several processes, which talk through
// shared memory.
var parallelFlags = []string{
	"--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp", "--data-parallel-size", "-dp",
}

// parallel says whether the server's flags ask for more than one GPU.
func parallel(args []string) bool {
	for i, a := range args {
		name, value, joined := strings.Cut(a, "=")
		if !slices.Contains(parallelFlags, strings.ReplaceAll(name, "_", "-")) {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if n, err := strconv.Atoi(value); err == nil && n > 1 {
			return true
		}
	}
	return false
}

// parseVolume reads SOURCE:DESTINATION[:OPTIONS] into a mount, or into a
// volume when the source is a name rather than a path.
func parseVolume(s string) (any, error) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !strings.HasPrefix(parts[1], "/") {
		return nil, fmt.Errorf("volume %q must be SOURCE:/DESTINATION or SOURCE:/DESTINATION:OPTIONS", s)
	}
	var options []string
	if len(parts) == 3 {
		options = strings.Split(parts[2], ",")
	}
	if !strings.HasPrefix(parts[0], "/") {
		if strings.ContainsAny(parts[0], "/~") {
			return nil, fmt.Errorf("volume %q: the source must be an absolute path or a volume's name", s)
		}
		return volume{Name: parts[0], Dest: parts[1], Options: options}, nil
	}
	return mount{Destination: parts[1], Type: "bind", Source: parts[0], Options: append([]string{"rbind"}, options...)}, nil
}

// commandLine is the podman command that starts the same container by hand.
func (b createBody) commandLine(o Options) []string {
	out := []string{"podman", "run", "--rm"}
	for _, d := range b.Devices {
		out = append(out, "--device", d.Path)
	}
	for _, s := range b.SelinuxOpts {
		out = append(out, "--security-opt", "label="+s)
	}
	for _, v := range o.Volumes {
		out = append(out, "--volume", v)
	}
	for _, name := range slices.Sorted(maps.Keys(b.Env)) {
		out = append(out, "--env", name+"="+b.Env[name])
	}
	for _, p := range b.PortMappings {
		host := ""
		if p.HostIP != "" {
			host = p.HostIP + ":"
		}
		if p.HostPort != 0 {
			host += strconv.Itoa(int(p.HostPort)) + ":"
		}
		out = append(out, "--publish", host+strconv.Itoa(int(p.ContainerPort)))
	}
	if b.NetNS != nil {
		out = append(out, "--network", b.NetNS.Mode)
	}
	if b.IpcNS != nil {
		out = append(out, "--ipc", b.IpcNS.Mode)
	}
	if b.ShmSize != nil {
		out = append(out, "--shm-size", strconv.FormatInt(*b.ShmSize, 10))
	}
	if b.User != "" {
		out = append(out, "--user", b.User)
	}
	return append(append(out, o.Image), b.Command...)
}
