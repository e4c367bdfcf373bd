package experiment

import "regexp"

var (
	gpuList = regexp.MustCompile(`^(all|none|[0-9]+(,[0-9]+)*)$`)
	cpuList = regexp.MustCompile(`^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$`)
	service = regexp.MustCompile(`^(unix|tcp|ssh)://.+`)
)

// containerSection is podman or docker; both have the same fields.
func containerSection(program string) section[Container] {
	return section[Container]{
		initial: Container{ModelArg: ModelFlag, GPUs: "none", Port: DefaultContainerPort, Pull: "missing"},
		fields: []field[Container]{
			must(bind("image", "Image, with its registry and a tag or digest.", image(), func(c *Container) *string { return &c.Image })),
			bind("command", "Command before the model and the flags. vllm-openai images need none: their entry point is the server.",
				words(), func(c *Container) *[]string { return &c.Command }),
			bind("model", "How to pass the model: flag (default; --model NAME), positional (NAME), or none if the command, a flag or the image's entry point names it.",
				word(ModelFlag, ModelPositional, ModelNone), func(c *Container) *string { return &c.ModelArg }),
			bind("gpus", "GPUs of the container: all, none (default) or indices such as 0,1.", gpus(),
				func(c *Container) *string { return &c.GPUs }),
			bind("volumes", "Mounts: host:container[:options]. ~ is the home directory.", listOf(volume(), "a list of mounts", false),
				func(c *Container) *[]string { return &c.Volumes }),
			bind("env", "Environment variables of the container. Pass secrets by reference: {from_env: NAME} or {from_file: PATH}.", environment(),
				func(c *Container) *[]EnvVar { return &c.Env }),
			bind("network", "host: share the host's network. Default: publish the port on 127.0.0.1.", word("host"),
				func(c *Container) *string { return &c.Network }),
			bind("port", "Port of the server inside the container. Default: 8000.", whole(1, 65535), func(c *Container) *int { return &c.Port }),
			bind("ipc", "host: share the host's IPC namespace and its /dev/shm. Default: the container has its own.",
				word("host"), func(c *Container) *string { return &c.IPC }),
			bind("shm_size", "Size of the container's /dev/shm. Default: 16GiB.", size(), func(c *Container) *int64 { return &c.ShmSize }),
			bind("pull", "When to pull the image: missing (default), always or never.", word("missing", "always", "never"),
				func(c *Container) *string { return &c.Pull }),
			bind("socket", "Address of the service; found as "+program+" finds it when not given.",
				matching(service, "an address that starts with unix://, tcp:// or ssh://"),
				func(c *Container) *string { return &c.Socket }),
			bind("connection", connectionDoc(program), text("the name of a connection"), func(c *Container) *string { return &c.Connection }),
			bind("user", "User in the container, as in "+program+" run --user.", scalarText("a user"),
				func(c *Container) *string { return &c.User }),
			bind("memory", "Memory limit of the container, such as 64GiB. Default: none.", size(), func(c *Container) *int64 { return &c.Memory }),
			bind("cpus", "CPU limit of the container in cores, such as 8 or 1.5. Default: none.", realNumber(0, true),
				func(c *Container) *float64 { return &c.CPUs }),
			bind("cpuset", "CPU cores that the container may use, such as 0-7 or 0-7,16-23. Default: all.", matching(cpuList, "cores such as 0-7 or 0-7,16-23"),
				func(c *Container) *string { return &c.CPUSet }),
		},
		check: func(d *decoder, path string, e entry, c *Container) {
			if other, given := e.value.get("connection"); given && c.Socket != "" {
				d.fail("connection-and-socket", other.place(), args{"path": path})
			}
		},
	}
}

func connectionDoc(program string) string {
	if program == "docker" {
		return "Name of a docker context (docker context ls)."
	}
	return "Name of a connection (podman system connection list), as in podman --connection."
}
