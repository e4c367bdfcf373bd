package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher"
)

// serviceTimeout bounds the question to a container service. An answer takes
// milliseconds; a service behind ssh some seconds.
const serviceTimeout = 15 * time.Second

// services asks podman and docker. One of them is enough, and neither is
// needed where the experiment starts processes.
func (o Options) services(ctx context.Context) []Check {
	names := []string{"podman", "docker"}
	checks := make([]Check, len(names))
	answered := ""
	for i, name := range names {
		ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
		version, address, err := o.Service(ctx, name)
		cancel()
		if err == nil {
			checks[i] = fine(name, "version %s at %s", version, address)
			answered = name
			continue
		}
		args := notice.Args{"error": plain(err)}
		var known launcher.Remedied
		if errors.As(err, &known) {
			args = notice.Args{"error": notice.Text(wording.Plain(known.Cause())), "remedy": notice.Text(known.Remedy())}
		}
		checks[i] = found(name, Warning, notice.New("service-silent", args))
	}
	for i, name := range names {
		if checks[i].Status == OK {
			continue
		}
		switch {
		case o.Experiment != nil && o.Experiment.Server.Backend() == name:
			checks[i].Status = Failure
		case answered != "":
			checks[i] = fine(name, "does not answer, but %s does", answered)
		case o.Experiment != nil:
			checks[i] = fine(name, "does not answer; this experiment does not need it")
		}
	}
	return checks
}

// cdi looks for a specification of the GPUs, without which podman cannot give
// them to a container.
func (o Options) cdi(gpus bool) []Check {
	if !gpus || o.Experiment != nil && o.Experiment.Server.Podman == nil {
		return nil
	}
	for _, dir := range []string{"/etc/cdi", "/var/run/cdi", "/run/cdi"} {
		files, _ := filepath.Glob(o.path(dir) + "/*") // the pattern is well formed
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err == nil && strings.Contains(string(text), "nvidia.com/gpu") {
				return []Check{fine("CDI", "nvidia.com/gpu is defined in %s", filepath.Join(dir, filepath.Base(f)))}
			}
		}
	}
	c := found("CDI", Warning, notice.New("cdi-missing", nil))
	if o.needsGPU() {
		c.Status = Failure
	}
	return []Check{c}
}

// needs checks what the experiment asks for beyond the host.
func (o Options) needs(ctx context.Context, before []Check) []Check {
	var out []Check
	if err := o.Environment(); err != nil {
		out = append(out, found("environment", Failure, notice.New("environment-incomplete", notice.Args{"error": plain(err)})))
	}
	s := o.Experiment.Server
	for _, c := range before {
		if c.Name == s.Backend() && c.Status == Failure {
			return out // without the service nothing is known of the image
		}
	}
	ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
	defer cancel()
	err := o.Backend(ctx)
	switch {
	case err == nil && s.Container() != nil:
		return append(out, fine("image", "found %s", s.Container().Image))
	case err == nil:
		return append(out, fine("backend", "%s is ready", s.Backend()))
	case errors.Is(err, launcher.ErrImageAbsent):
		image := s.Container().Image
		args := notice.Args{"image": notice.Text(image), "pull": notice.Command(s.Backend(), "pull", image)}
		if s.Container().Pull == pullNever {
			return append(out, found("image", Failure, notice.New("image-never-pulled", args)))
		}
		return append(out, found("image", Warning, notice.New("image-absent", args)))
	}
	name := "backend"
	if s.Container() != nil {
		name = "image"
	}
	return append(out, found(name, Failure, notice.New("backend-not-ready", notice.Args{"error": plain(err)})))
}

// pullNever is the policy of that name in the experiment file.
const pullNever = "never"
