// Package doctor looks at the machine before a night is entrusted to it:
// container services, GPUs and their driver, limits, disks, clocks, caches and
// ports. Each check says what it found and, where that is not well, what fixes
// it. With an experiment, what the experiment needs and lacks is a failure.
package doctor

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/internal/wording"
)

// Status of a check.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // a run will do, but may be weaker, slower or fail late
	Failure Status = "failure" // a run cannot do
)

// Check is one line of the examination.
type Check struct {
	Name   string      `json:"name"`
	Status Status      `json:"status"`
	Code   notice.Code `json:"code,omitempty"`   // of what is not well
	Text   string      `json:"text"`             // what was found
	Remedy string      `json:"remedy,omitempty"` // what fixes it
	Args   notice.Args `json:"args,omitempty"`   // of the code
}

// fine is the check of what is well.
func fine(name, format string, args ...any) Check {
	return Check{Name: name, Status: OK, Text: fmt.Sprintf(format, args...)}
}

// found is the check of what is not well.
func found(name string, s Status, n notice.Notice) Check {
	return Check{Name: name, Status: s, Code: n.Code, Text: n.Text(), Remedy: n.Remedy(), Args: n.Args}
}

// Notice is what the check has to say, for the record of a run.
func (c Check) Notice() notice.Notice {
	return notice.Notice{Code: c.Code, Severity: notice.Caveat, Args: c.Args}
}

// plain is the argument for an error of the system or of another program.
func plain(err error) notice.Arg { return notice.Text(wording.Plain(err.Error())) }

// Options are what the doctor may look at.
type Options struct {
	// Experiment to be run here; nil: the host alone is examined.
	Experiment *experiment.Experiment
	Root       string // before /sys, /proc, /etc and /var; "" except in tests
	Home       string
	Dir        string // where run directories go
	LookupEnv  func(string) (string, bool)
	OpenGPUs   func(context.Context) (telemetry.GPUs, error)
	// Service reaches "podman" or "docker" and tells version and address.
	Service func(ctx context.Context, name string) (version, address string, err error)
	// Backend checks the experiment's backend as a run would, its image with
	// it; the image is not pulled.
	Backend func(context.Context) error
	// Lateness measures how late this machine's timers are, and how long it keeps a
	// thread from running; nil: not measured.
	Lateness func(context.Context) Lateness
	// Environment checks the variables that the experiment refers to.
	Environment func() error
}

// Examine makes all checks, in a fixed order.
func Examine(ctx context.Context, o Options) []Check {
	var out []Check
	out = append(out, o.services(ctx)...)
	gpus, present := o.gpus(ctx)
	out = append(out, gpus...)
	out = append(out, o.cdi(present)...)
	out = append(out, o.machine()...)
	if o.Lateness != nil {
		out = append(out, lateness(o.Lateness(ctx)))
	}
	out = append(out, o.disks()...)
	out = append(out, o.cache(ctx))
	out = append(out, o.folder()...)
	out = append(out, ports())
	if o.Experiment != nil {
		out = append(out, o.needs(ctx, out)...)
	}
	return out
}

// Failed reports whether any check failed.
func Failed(checks []Check) bool {
	for _, c := range checks {
		if c.Status == Failure {
			return true
		}
	}
	return false
}

// WriteText prints one line a check, and its remedy below.
func WriteText(w io.Writer, checks []Check) error {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.Name))
	}
	for _, c := range checks {
		if _, err := fmt.Fprintf(w, "%-8s %-*s  %s\n", c.Status, width, c.Name, c.Text); err != nil {
			return err
		}
		if c.Remedy == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-8s %-*s  -> %s\n", "", width, "", c.Remedy); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) path(name string) string { return filepath.Join(o.Root, name) }

func (o Options) env(name string) string {
	if o.LookupEnv == nil {
		return ""
	}
	value, _ := o.LookupEnv(name)
	return value
}

// needsGPU reports whether the experiment gives its server GPUs of this host;
// mayUseGPU whether the server, a process that sees them all, may want them.
func (o Options) needsGPU() bool {
	return o.Experiment != nil && o.Experiment.Server.Container() != nil && o.Experiment.Server.Container().GPUs != "none" && !o.onProcessors()
}

func (o Options) mayUseGPU() bool {
	return o.needsGPU() || o.Experiment != nil && o.Experiment.Server.Process != nil && !o.onProcessors()
}

// onProcessors reports whether the experiment's server computes on processors.
func (o Options) onProcessors() bool {
	return o.Experiment != nil && o.Experiment.Server.Compute == experiment.ComputeCPU
}
