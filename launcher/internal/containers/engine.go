// Package containers starts servers in containers: what podman and docker
// have in common. An Engine, of which package podman and package docker each
// have one, speaks to the service; everything else is here, once: choice of
// port, image policy, what is created, the log, the watch on the end, stop and
// proof of removal, and how long a service that is away is waited for.
package containers

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
)

// Engine is a container service that has been reached. Errors of a service
// that does not answer are a *ServiceError; those about something that does
// not exist wrap ErrNotFound, those about a name that is taken ErrConflict.
type Engine interface {
	// Name is "podman" or "docker", also the command that people type.
	Name() string
	// Version is the service's, Address where it was reached.
	Version() string
	Address() string
	// Host is where published ports can be reached; Local says that the
	// service is on this machine, so that its ports and processes are ours to
	// look at.
	Host() string
	Local() bool

	// Create makes a container and does not start it.
	Create(ctx context.Context, s Spec) (id string, err error)
	Start(ctx context.Context, id string) error
	Inspect(ctx context.Context, id string) (State, error)
	// Stop asks the container to end and has it killed after the time-out, at
	// once where that is 0. One that has ended, or is gone, is no fault.
	Stop(ctx context.Context, id string, timeout time.Duration) error
	// Remove kills the container, given by ID or name, if it still runs, and
	// removes it with its anonymous volumes. One that is gone is no fault.
	Remove(ctx context.Context, id string) error
	// Wait blocks until the container has ended.
	Wait(ctx context.Context, id string) error
	// Logs opens the output in frames (see demultiplex).
	Logs(ctx context.Context, id string, follow bool) (io.ReadCloser, error)
	// Labelled lists the containers with the label, running or not; an empty
	// value stands for any.
	Labelled(ctx context.Context, label, value string) ([]Found, error)
	// Image looks for an image; Pull fetches it and reports its progress.
	Image(ctx context.Context, reference string) (Image, error)
	Pull(ctx context.Context, reference string, progress func(string)) error
	// Close closes idle connections.
	Close()
}

// Labels that mark the containers of a run.
const (
	LabelRun   = "sweep.run"
	LabelStart = "sweep.start"
	LabelDir   = "sweep.dir"  // run directory, absolute
	LabelHost  = "sweep.host" // machine that the run directory is on
)

// Errors that an Engine wraps.
var (
	ErrNotFound = errors.New("no such container or image")
	ErrConflict = errors.New("the name is in use")
)

// ServiceError says that the service itself did not answer: nothing is known
// of its containers then.
type ServiceError struct {
	Sentence string // what is wrong, without the command
	Start    string // the command that fixes it
	Err      error
}

func (e *ServiceError) Error() string { return e.Sentence + "; start it: " + e.Start }

// Cause and Remedy make it a launcher.Remedied.
func (e *ServiceError) Cause() string { return e.Sentence }

// Remedy is the command.
func (e *ServiceError) Remedy() string { return e.Start }

// Unwrap returns what went wrong.
func (e *ServiceError) Unwrap() error { return e.Err }

// Is makes every ServiceError a launcher.ErrServiceAway.
func (e *ServiceError) Is(target error) bool { return target == launcher.ErrServiceAway }

// State is what a service tells of a container.
type State struct {
	ID       string
	Running  bool
	Ended    bool // and its exit code is known
	Code     int
	Detail   string
	Finished time.Time
	PID      int         // of its main process, on the service's machine
	Ports    map[int]int // of the container's published TCP ports: those of the host
}

// Found is one entry of a list.
type Found struct {
	ID, Name string
	Running  bool
	Labels   map[string]string
}

// Image is what is known of an image that is there.
type Image struct {
	Reference  string // as asked for
	ID         string // of the configuration, without sha256:
	Digest     string // of the manifest, as a registry names it; "" for an image that was never in one
	Version    string // label org.opencontainers.image.version, if any
	Entrypoint []string
	Command    []string // CMD, which the flags replace
}

// AddPort notes a published port as services write it: "8000/tcp" and "49153".
func AddPort(ports map[int]int, inside, outside string) {
	text, tcp := strings.CutSuffix(inside, "/tcp")
	from, err1 := strconv.Atoi(text)
	to, err2 := strconv.Atoi(outside)
	if tcp && err1 == nil && err2 == nil && to != 0 {
		ports[from] = to
	}
}

// Seconds is a time-out in the whole seconds that services take. A short one is
// not nothing, which means to kill at once.
func Seconds(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return max(1, int(d.Round(time.Second).Seconds()))
}
