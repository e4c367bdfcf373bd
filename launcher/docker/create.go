package docker

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// body says what docker is to create.
func body(s containers.Spec) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image: s.Image, Cmd: s.Command, Labels: s.Labels, User: s.User,
	}
	for name, value := range s.Env {
		config.Env = append(config.Env, name+"="+value)
	}
	slices.Sort(config.Env)
	host := &container.HostConfig{
		// Exit code and log are wanted after the end: no restart, no removal
		// by docker itself.
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		// A file, because journald drops lines of a server that logs much.
		LogConfig:   container.LogConfig{Type: "json-file"},
		ShmSize:     s.ShmSize,
		NetworkMode: "default",
	}
	host.Memory, host.NanoCPUs, host.CpusetCpus = s.Memory, int64(s.CPUs*1e9), s.CPUSet
	for _, v := range s.Volumes {
		if m, ok := plainMount(v); ok {
			host.Mounts = append(host.Mounts, m)
		} else {
			host.Binds = append(host.Binds, strings.Join([]string{v.Source, v.Destination, strings.Join(v.Options, ",")}, ":"))
		}
	}
	if len(s.GPUs) > 0 {
		host.DeviceRequests = []container.DeviceRequest{gpuRequest(s.GPUs)}
	}
	if s.IPCHost {
		host.IpcMode = container.IPCModeHost
	}
	if s.HostNetwork {
		host.NetworkMode = network.NetworkHost
		return config, host
	}
	port := network.MustParsePort(strconv.Itoa(s.Port) + "/tcp")
	config.ExposedPorts = network.PortSet{port: {}}
	binding := network.PortBinding{HostPort: hostPort(s.HostPort)}
	if s.HostIP != "" {
		binding.HostIP = netip.MustParseAddr(s.HostIP)
	}
	host.PortBindings = network.PortMap{port: {binding}}
	return config, host
}

// hostPort is empty where docker is to pick one.
func hostPort(port int) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(port)
}

// plainMount is preferred to a bind, because docker makes the folder of a bind
// that does not exist, as root and empty, and a model is looked for in vain
// there. It knows no options but ro and rw.
func plainMount(v containers.Volume) (mount.Mount, bool) {
	m := mount.Mount{Type: mount.TypeBind, Source: v.Source, Target: v.Destination}
	if v.Named {
		m.Type = mount.TypeVolume
	}
	for _, o := range v.Options {
		switch o {
		case "ro":
			m.ReadOnly = true
		case "rw":
		default:
			return m, false
		}
	}
	return m, true
}

// gpuRequest is what `docker run --gpus` asks for.
func gpuRequest(gpus []string) container.DeviceRequest {
	r := container.DeviceRequest{Capabilities: [][]string{{"gpu"}}}
	if slices.Contains(gpus, "all") {
		r.Count = -1
	} else {
		r.DeviceIDs = gpus
	}
	return r
}
