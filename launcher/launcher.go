// Package launcher starts one server configuration, proves that it is ready
// and that it is the one it started, keeps its log, stops it, and proves that
// it is gone. Failures to start are results with a diagnosis, not just errors.
//
// A Backend knows how to start a server in one world (sub-packages podman,
// process, endpoint). Start, in this package, adds what is the same for all:
// readiness, identity, the watch on the server's exit, stop and release.
package launcher

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

// Spec is one launch.
type Spec struct {
	RunID   string // label and name prefix of everything the run creates
	RunDir  string // run directory, absolute: tells later whether the run still lives
	StartID string // unique in the run
	Model   string
	// ModelName is the name the server is expected to serve (identity check);
	// empty, of an endpoint alone: the only one that it serves.
	ModelName string
	Args      []string          // rendered server flags, without model, host and port
	Env       map[string]string // resolved values; secrets included, never logged
	Secrets   []string          // values to redact wherever text is kept
	GPUs      []string          // indices that this start may use; empty: all that the backend was given
	LogPath   string            // file that receives the server's output, redacted; "" for an endpoint
	// APIKey is sent as a bearer token when the model list is asked for; ""
	// when the server wants none. It is redacted like the Secrets.
	APIKey string
	// TLS verifies a server over https; nil: by the system's trust.
	TLS *tls.Config

	// Compute is on what the server is expected to compute: ComputeCPU,
	// ComputeGPU, or "" where that is not known beforehand.
	Compute string
	// Engine is what is known of the server's make; nil: nothing in particular.
	Engine *Engine
	// Asked are the flags by name as the experiment writes them ("true" and
	// "false" for switches), to compare with what is in effect and to name in
	// remedies.
	Asked map[string]string

	ReadyTimeout time.Duration
	// SilenceTimeout ends a start that has logged nothing for so long; 0:
	// never.
	SilenceTimeout time.Duration
	StopTimeout    time.Duration // TERM to KILL, of a server that was ready
}

// Backend starts servers in one world.
type Backend interface {
	// Name is "podman", "docker", "process" or "endpoint".
	Name() string
	// Check says whether the world is fit before anything starts (service
	// reachable, executable present); the error names the remedy.
	Check(ctx context.Context) error
	// Launch starts the server and returns at once, before it is ready. ctx
	// bounds the launch, not the server's life.
	Launch(ctx context.Context, spec Spec) (Handle, error)
	// Clean removes what an earlier process of this run left behind (its
	// runner was killed) and returns the names of what it removed.
	Clean(ctx context.Context, runID string) ([]string, error)
}

// Handle is one launched server as its backend sees it.
type Handle interface {
	// BaseURL is where the server will answer, without /v1.
	BaseURL() string
	// ID is the container ID or process ID, for records and identity.
	ID() string
	// Command is the complete command line as started, redacted.
	Command() []string
	// Exited is closed when the server is gone; Exit is valid then.
	Exited() <-chan struct{}
	Exit() Exit
	// Owns reports whether the listening address belongs to this server; the
	// error says what owns it instead, or is ErrOwnerUnknown where the backend
	// cannot tell.
	Owns(ctx context.Context) error
	// Stop asks the server to end, kills it and all of its processes after
	// grace, at once where that is 0, and waits until its container or process
	// group is gone and its log is complete. It may be called twice. The error
	// says what is left, or is ErrNotOurs when the server was somebody else's
	// and was left alone.
	Stop(ctx context.Context, grace time.Duration) error
	// Facts are backend facts for the launch record: image digest, container ID, pid, port...
	Facts() map[string]string
}

// Exit says how a server ended.
type Exit struct {
	Code   int    // exit code; 128+n for signal n; -1 unknown
	Detail string // how the system or the container service words it: "ended by signal: killed", "out of memory"...
	At     time.Time
}

// Leftover is a container or process that carries a run's mark. Whether the run
// that it belongs to still lives is the caller's to find out.
type Leftover struct {
	Name    string // "container sweep-...", "process 4711 (python3)"
	RunID   string
	RunDir  string // "" when it does not say
	Running bool   // otherwise it has ended and only lies there
}

// Errors that are answers rather than faults.
var (
	// ErrEnvironment is wrapped when a run cannot go on because of its surroundings
	// (container service away); it can be resumed once they are mended.
	ErrEnvironment = errors.New("the environment is not fit")
	// ErrServiceAway is wrapped when the container service does not answer:
	// that says nothing about the server, which goes on without it.
	ErrServiceAway  = errors.New("the container service does not answer")
	ErrOwnerUnknown = errors.New("sweep cannot see which process owns the listening port")
	ErrNotOurs      = errors.New("sweep did not launch this server and leaves it running")
	// ErrImageAbsent is wrapped when the image is not on the service's machine
	// and the experiment forbids pulling it.
	ErrImageAbsent = errors.New("the image is not on this machine")
)

// Remedied is an error that knows its remedy apart from its cause.
type Remedied interface {
	error
	Cause() string
	Remedy() string // a command
}

// AllSecrets are the values to redact, the API key among them.
func (s Spec) AllSecrets() []string {
	if s.APIKey == "" {
		return s.Secrets
	}
	return append([]string{s.APIKey}, s.Secrets...)
}
