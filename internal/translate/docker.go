package translate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNoServer: the command does not name what starts a server.
var ErrNoServer = errors.New("no server in this command")

// ErrNoValue: the command ends with an option that needs a value.
var ErrNoValue = errors.New("an option without its value")

// switches of docker run and podman run: options without a value. All others
// have one.
const switches = `detach d interactive i tty t rm init privileged publish-all P read-only no-healthcheck oom-kill-disable
	sig-proxy disable-content-trust quiet q help use-api-socket replace no-hosts no-hostname env-host http-proxy
	rmi tls-verify read-only-tmpfs passwd`

// single are the letters of options with a value.
var single = map[string]string{
	"e": "env", "v": "volume", "p": "publish", "u": "user", "m": "memory", "w": "workdir", "h": "hostname",
	"l": "label",
	"a": "attach", "c": "cpu-shares",
}

// container is what a command or a compose service says of a container.
type container struct {
	backend             string
	image               string
	entrypoint, command []string
	gpus                string
	volumes             []string
	env                 []assignment
	network, ipc        string
	shm, memory, user   string
	cpus, cpuset, pull  string
	left                []string
}

// DockerRun reads a `docker run` or `podman run` command.
func DockerRun(command string) (Draft, error) {
	words, err := Words(command)
	if err != nil {
		return Draft{}, err
	}
	c := container{backend: "docker"}
	for len(words) > 0 && words[0] != "run" {
		if p := program(words[0]); p == "podman" || p == "docker" || p == "nerdctl" {
			c.backend = map[bool]string{true: "podman", false: "docker"}[p == "podman"]
		}
		words = words[1:] // sudo, docker container …
	}
	if len(words) == 0 {
		return Draft{}, ErrNoServer
	}
	rest, err := c.options(words[1:])
	if err != nil {
		return Draft{}, err
	}
	if len(rest) == 0 {
		return Draft{}, ErrNoServer
	}
	c.image, c.command = rest[0], rest[1:]
	return c.draft(), nil
}

// options takes the options before the image and returns what follows them.
func (c *container) options(words []string) ([]string, error) {
	isSwitch := map[string]bool{}
	for _, s := range strings.Fields(switches) {
		isSwitch[s] = true
	}
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		w := words[0]
		words = words[1:]
		name, value, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !strings.HasPrefix(w, "--") {
			// -it are two switches, -p8000:8000 and -p 8000:8000 an option with its value.
			for len(name) > 1 && isSwitch[name[:1]] {
				name = name[1:]
			}
			if !isSwitch[name] && len(name) > 1 {
				name, value, given = name[:1], strings.TrimLeft(w, "-")[1:], true
			}
			if long := single[name]; long != "" {
				name = long
			}
		}
		if !given && !isSwitch[name] {
			if len(words) == 0 {
				return nil, fmt.Errorf("%w: %s", ErrNoValue, w)
			}
			value, words = words[0], words[1:]
		}
		c.option(name, value)
	}
	return words, nil
}

// option takes one option by its long name.
func (c *container) option(name, value string) {
	switch name {
	case "detach", "d", "interactive", "i", "tty", "t", "rm", "init", "name", "publish", "publish-all", "P",
		"restart", "quiet", "q", "replace", "hostname", "attach", "label":
		// sweep starts, names, publishes and removes its containers itself
	case "gpus":
		c.gpus = gpuIndices(value)
	case "runtime":
		if value == "nvidia" && c.gpus == "" {
			c.gpus = "all"
		}
	case "device":
		if id, ok := strings.CutPrefix(value, "nvidia.com/gpu="); ok {
			c.gpus = addGPU(c.gpus, id)
			return
		}
		c.leave(name, value)
	case "volume":
		c.volumes = append(c.volumes, value)
	case "mount":
		c.mount(value)
	case "env":
		c.env = append(c.env, assign(value))
	case "network", "net":
		if value == "host" {
			c.network = value
		}
	case "ipc":
		if value == "host" {
			c.ipc = value
			return
		}
		c.leave(name, value)
	case "shm-size":
		c.shm = size(value)
	case "memory":
		c.memory = size(value)
	case "user":
		c.user = value
	case "cpus":
		c.cpus = value
	case "cpuset-cpus":
		c.cpuset = value
	case "pull":
		c.pull = value
	case "entrypoint":
		c.entrypoint = []string{value}
	default:
		c.leave(name, value)
	}
}

func (c *container) leave(name, value string) {
	if value != "" {
		name += "=" + value
	}
	c.left = append(c.left, "--"+name)
}

// mount reads --mount type=bind,source=A,target=B,readonly.
func (c *container) mount(value string) {
	var from, to, options string
	for _, part := range strings.Split(value, ",") {
		key, v, _ := strings.Cut(part, "=")
		switch key {
		case "source", "src":
			from = v
		case "target", "destination", "dst":
			to = v
		case "readonly", "ro":
			options = ":ro"
		case "type":
			if v != "bind" && v != "volume" {
				c.leave("mount", value)
				return
			}
		}
	}
	c.volumes = append(c.volumes, from+":"+to+options)
}

// size is docker's 16g as the experiment file writes it.
func size(text string) string {
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, unit := range []struct{ suffix, name string }{
		{"gib", "GiB"}, {"gb", "GiB"}, {"g", "GiB"}, {"mib", "MiB"}, {"mb", "MiB"}, {"m", "MiB"},
		{"kb", "KiB"}, {"k", "KiB"}, {"b", "B"}, {"", "B"},
	} {
		if number, ok := strings.CutSuffix(lower, unit.suffix); ok {
			return number + unit.name
		}
	}
	return text
}

// gpuIndices reads docker's --gpus: all, 2, device=0,1, '"device=0,1"'.
func gpuIndices(value string) string {
	value = strings.Trim(value, `"'`)
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		all := make([]string, n)
		for i := range all {
			all[i] = strconv.Itoa(i)
		}
		return strings.Join(all, ",")
	}
	if ids, ok := strings.CutPrefix(value, "device="); ok {
		return ids
	}
	return "all"
}

func addGPU(list, id string) string {
	if list == "" || id == "all" {
		return id
	}
	return list + "," + id
}

// draft makes the server of the container.
func (c *container) draft() Draft {
	d := Draft{Left: c.left}
	s := Server{Backend: c.backend, Engine: engineOf(c.image)}
	executable, rest := c.start()
	s.read(rest, &d)
	s.Fields.Add("image", qualified(c.image))
	s.Fields.Add("command", executable)
	if s.Model == "" {
		s.Fields.Add("model", "none")
	} else if len(executable) > 0 && executable[len(executable)-1] == "serve" {
		s.Fields.Add("model", "positional")
	}
	s.Fields.Add("gpus", c.gpus)
	s.Fields.Add("volumes", c.volumes)
	s.Fields.Add("env", environment(c.env))
	s.Fields.Add("network", c.network)
	s.Fields.Add("ipc", c.ipc)
	s.Fields.Add("shm_size", c.shm)
	s.Fields.Add("memory", c.memory)
	s.Fields.Add("user", c.user)
	if c.cpus != "" {
		s.Fields.Add("cpus", word(c.cpus))
	}
	s.Fields.Add("cpuset", c.cpuset)
	if c.pull != "" && c.pull != "missing" {
		s.Fields.Add("pull", c.pull)
	}
	d.Server = &s
	return d
}

// start is what the container runs before the server's arguments: nothing where
// the image's entry point is the server.
func (c *container) start() (executable, rest []string) {
	words := append(append([]string{}, c.entrypoint...), c.command...)
	if len(words) == 0 {
		return nil, nil
	}
	if len(c.entrypoint) > 0 {
		return splitCommand(words)
	}
	if strings.HasPrefix(words[0], "-") {
		return nil, words
	}
	executable, rest = splitCommand(words)
	if len(executable) == 1 && !strings.Contains(executable[0], "serve") && program(executable[0]) != "llama-server" {
		return nil, words // a lone word before the flags is the model
	}
	return executable, rest
}

// qualified adds the registry that docker leaves out.
func qualified(image string) string {
	first, rest, path := strings.Cut(image, "/")
	switch {
	case !path:
		return "docker.io/library/" + image
	case rest != "" && (strings.ContainsAny(first, ".:") || first == "localhost"):
		return image
	}
	return "docker.io/" + image
}
