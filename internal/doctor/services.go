package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
)

// serviceTimeout bounds the question to a container service. An answer takes
// milliseconds; a service behind ssh some seconds.
const serviceTimeout = 15 * time.Second

// services asks podman and docker. One of them is enough, and neither is
// needed where the experiment starts processes.
func (o Options) services(ctx context.Context) []Check {
	names := []string{"podman", "docker"}
	found := make([]Check, len(names))
	answered := ""
	for i, name := range names {
		ctx, cancel := context.WithTimeout(ctx, serviceTimeout)
		version, address, err := o.Service(ctx, name)
		cancel()
		if err == nil {
			found[i] = Check{Name: name, Status: OK, Text: fmt.Sprintf("version %s at %s", version, address)}
			answered = name
			continue
		}
		found[i] = Check{Name: name, Status: Warning, Text: err.Error()}
		var known launcher.Remedied
		if errors.As(err, &known) {
			found[i].Text, found[i].Remedy = known.Cause(), known.Remedy()
		}
	}
	for i, name := range names {
		if found[i].Status == OK {
			continue
		}
		switch {
		case o.Experiment != nil && o.Experiment.Server.Backend() == name:
			found[i].Status = Failure
		case answered != "":
			found[i] = Check{Name: name, Status: OK, Text: "does not answer, but " + answered + " does"}
		case o.Experiment != nil:
			found[i] = Check{Name: name, Status: OK, Text: "does not answer; this experiment does not need it"}
		}
	}
	return found
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
				return []Check{{Name: "CDI", Status: OK, Text: "nvidia.com/gpu is defined in " + filepath.Join(dir, filepath.Base(f))}}
			}
		}
	}
	c := Check{Name: "CDI", Status: Warning, Text: "nvidia.com/gpu is not defined in /etc/cdi or /var/run/cdi, so podman cannot give GPUs to containers",
		Remedy: "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"}
	if o.needsGPU() {
		c.Status = Failure
	}
	return []Check{c}
}

// needs checks what the experiment asks for beyond the host.
func (o Options) needs(ctx context.Context, before []Check) []Check {
	var out []Check
	if err := o.Environment(); err != nil {
		out = append(out, Check{Name: "environment", Status: Failure, Text: err.Error(), Remedy: "export the variable"})
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
		return append(out, Check{Name: "image", Status: OK, Text: "found " + s.Container().Image})
	case err == nil:
		return append(out, Check{Name: "backend", Status: OK, Text: s.Backend() + " is ready"})
	case errors.Is(err, launcher.ErrImageAbsent):
		c := Check{Name: "image", Status: Warning, Text: s.Container().Image + " is not on this machine: sweep pulls it before the first launch",
			Remedy: fmt.Sprintf("%s pull %s", s.Backend(), s.Container().Image)}
		if s.Container().Pull == pullNever {
			c.Status, c.Text = Failure, s.Container().Image+" is not on this machine, and pull: never forbids pulling it"
		}
		return append(out, c)
	case s.Container() != nil:
		return append(out, Check{Name: "image", Status: Failure, Text: err.Error()})
	}
	return append(out, Check{Name: "backend", Status: Failure, Text: err.Error()})
}

// pullNever is the policy of that name in the experiment file.
const pullNever = "never"
