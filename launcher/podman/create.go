package podman

import (
	"github.com/vllm-sweep/sweep/launcher/internal/containers"
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
	Limits        *limits           `json:"resource_limits,omitempty"`
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

// limits are those of the OCI runtime specification (LinuxResources).
type limits struct {
	Memory *memoryLimit `json:"memory,omitempty"`
	CPU    *cpuLimit    `json:"cpu,omitempty"`
}

type memoryLimit struct {
	Limit int64 `json:"limit"` // bytes
}

type cpuLimit struct {
	Quota  int64  `json:"quota,omitempty"`  // microseconds in a period
	Period uint64 `json:"period,omitempty"` // microseconds
	CPUs   string `json:"cpus,omitempty"`   // cores, such as 0-7
}

// cpuPeriod is the kernel's default.
const cpuPeriod = 100_000

// body says what podman is to create.
func body(s containers.Spec) createBody {
	b := createBody{
		Name: s.Name, Image: s.Image, Command: s.Command, Env: s.Env, Labels: s.Labels, User: s.User,
		// Exit code and log are wanted after the end: no restart, no removal
		// by podman itself.
		RestartPolicy: "no",
		// A file, because journald drops lines of a server that logs much.
		Log: logConfiguration{Driver: "k8s-file"},
	}
	for _, v := range s.Volumes {
		if v.Named {
			b.Volumes = append(b.Volumes, volume{Name: v.Source, Dest: v.Destination, Options: v.Options})
		} else {
			b.Mounts = append(b.Mounts, mount{Destination: v.Destination, Type: "bind", Source: v.Source, Options: append([]string{"rbind"}, v.Options...)})
		}
	}
	for _, g := range s.GPUs {
		b.Devices = append(b.Devices, device{Path: "nvidia.com/gpu=" + g})
	}
	if b.Devices != nil {
		// SELinux lets no container at the GPU's device files otherwise
		// (NVIDIA Container Toolkit, support for CDI).
		b.SelinuxOpts = []string{"disable"}
	}
	if s.IPCHost {
		b.IpcNS = &namespace{Mode: "host"}
	}
	if s.ShmSize > 0 {
		b.ShmSize = &s.ShmSize
	}
	if s.HostNetwork {
		b.NetNS = &namespace{Mode: "host"}
	} else {
		b.PortMappings = []portMapping{{HostIP: s.HostIP, HostPort: uint16(s.HostPort), ContainerPort: uint16(s.Port), Protocol: "tcp"}}
	}
	b.Limits = resources(s)
	return b
}

func resources(s containers.Spec) *limits {
	var l limits
	if s.Memory > 0 {
		l.Memory = &memoryLimit{Limit: s.Memory}
	}
	if s.CPUs > 0 || s.CPUSet != "" {
		l.CPU = &cpuLimit{CPUs: s.CPUSet}
	}
	if s.CPUs > 0 {
		l.CPU.Quota, l.CPU.Period = int64(s.CPUs*cpuPeriod), cpuPeriod
	}
	if l.Memory == nil && l.CPU == nil {
		return nil
	}
	return &l
}
