package translate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// ErrWhichService: the compose file has several services, none of which is
// clearly the server.
var ErrWhichService = errors.New("several services")

// Compose reads a service of a compose file, FILE or FILE#service. Without a
// name it is the file's only one, or the only one with an image of a known
// server. References such as ${HF_HOME} are resolved from environ (NAME=value)
// and the .env beside the file; secrets, and what is not set, stay references.
func Compose(ctx context.Context, place string, environ []string) (Draft, error) {
	file, name, _ := strings.Cut(place, "#")
	environ, err := keepReferences(file, environ)
	if err != nil {
		return Draft{}, err
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("sweep"), cli.WithEnv(environ), cli.WithDotEnv,
		cli.WithoutEnvironmentResolution, cli.WithResolvedPaths(false), cli.WithWorkingDirectory(filepath.Dir(file)))
	if err != nil {
		return Draft{}, err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return Draft{}, err
	}
	service, err := chooseService(project, name)
	if err != nil {
		return Draft{}, err
	}
	return composeContainer(service).draft(), nil
}

var variable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)(:?-)?`)

// keepReferences lets every secret of the file, and what has neither a value nor
// a default, stand for itself: ${NAME} becomes ${NAME}.
func keepReferences(file string, environ []string) ([]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(environ)
	for _, m := range variable.FindAllStringSubmatch(string(b), -1) {
		name, hasDefault := m[1], m[2] != ""
		set := slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		if secret.MatchString(name) || !set && !hasDefault {
			out = append(out, name+"=${"+name+"}")
		}
	}
	return out, nil
}

func chooseService(p *types.Project, name string) (types.ServiceConfig, error) {
	names := p.ServiceNames()
	slices.Sort(names)
	if name != "" {
		s, err := p.GetService(name)
		if err != nil {
			return s, fmt.Errorf("%w (%s)", err, strings.Join(names, ", "))
		}
		return s, nil
	}
	var servers []string
	for _, n := range names {
		image := p.Services[n].Image
		vllm := strings.Contains(image, "vllm") && !strings.Contains(image, "router")
		if len(names) == 1 || vllm || engineOf(image) != "" {
			servers = append(servers, n)
		}
	}
	if len(servers) != 1 {
		return types.ServiceConfig{}, fmt.Errorf("%w: %s", ErrWhichService, strings.Join(names, ", "))
	}
	return p.GetService(servers[0])
}

func composeContainer(s types.ServiceConfig) *container {
	c := &container{backend: "docker", image: s.Image, entrypoint: s.Entrypoint, command: s.Command,
		cpuset: s.CPUSet, user: s.User, pull: strings.ReplaceAll(s.PullPolicy, "if_not_present", "missing")}
	if s.Runtime == "nvidia" {
		c.gpus = "all"
	}
	c.gpus = composeGPUs(s, c.gpus)
	for _, v := range s.Volumes {
		text := v.Source + ":" + v.Target
		if v.Type == types.VolumeTypeTmpfs || v.Source == "" {
			c.leave("tmpfs", v.Target)
			continue
		}
		if v.ReadOnly {
			text += ":ro"
		}
		c.volumes = append(c.volumes, text)
	}
	for _, n := range slices.Sorted(maps.Keys(s.Environment)) {
		value := fromShell
		if v := s.Environment[n]; v != nil {
			value = *v
		}
		c.env = append(c.env, assignment{n, value})
	}
	if s.NetworkMode == "host" {
		c.network = "host"
	}
	if s.Ipc == "host" {
		c.ipc = "host"
	}
	if s.ShmSize > 0 {
		c.shm = bytesText(int64(s.ShmSize))
	}
	if s.MemLimit > 0 {
		c.memory = bytesText(int64(s.MemLimit))
	}
	if s.CPUS > 0 {
		c.cpus = fmt.Sprint(s.CPUS)
	}
	for _, d := range s.Devices {
		if id, ok := strings.CutPrefix(d.Source, "nvidia.com/gpu="); ok {
			c.gpus = addGPU(c.gpus, id)
			continue
		}
		c.leave("device", d.Source)
	}
	for _, more := range []struct {
		name   string
		values []string
	}{
		{"cap-add", s.CapAdd}, {"security-opt", s.SecurityOpt}, {"group-add", s.GroupAdd}, {"tmpfs", s.Tmpfs},
		{"env-file", envFiles(s)}, {"ulimit", slices.Sorted(maps.Keys(s.Ulimits))},
	} {
		for _, v := range more.values {
			c.leave(more.name, v)
		}
	}
	if s.Privileged {
		c.leave("privileged", "")
	}
	return c
}

// composeGPUs are those of gpus: and of deploy.resources.reservations.devices.
func composeGPUs(s types.ServiceConfig, gpus string) string {
	requests := s.Gpus
	if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
		requests = append(requests, s.Deploy.Resources.Reservations.Devices...)
	}
	for _, r := range requests {
		switch {
		case len(r.IDs) > 0:
			gpus = strings.Join(r.IDs, ",")
		case r.Count > 0:
			gpus = gpuIndices(fmt.Sprint(int64(r.Count)))
		default:
			gpus = "all"
		}
	}
	return gpus
}

func envFiles(s types.ServiceConfig) []string {
	var out []string
	for _, f := range s.EnvFiles {
		out = append(out, f.Path)
	}
	return out
}

// bytesText is a size in the largest unit that divides it.
func bytesText(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
