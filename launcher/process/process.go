// Package process starts servers as child processes of this program, each in
// a process group of its own.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
	"github.com/vllm-sweep/sweep/launcher/internal/sockets"
)

// host is where the servers listen.
const host = "127.0.0.1"

// Options say which command is started and how.
type Options struct {
	// Command is the executable with its first arguments, e.g. [vllm serve].
	// Model, flags, --host and --port are appended. Where it or the flags
	// contain {port}, that is replaced and neither --host nor --port is
	// appended; {host} is replaced too.
	Command  []string
	ModelArg string // how the model is passed; see launcher.ModelArgs
	Dir      string // working directory; "" = this program's
	// Environ is the environment to choose from what servers inherit; nil
	// means this program's.
	Environ []string
}

// Backend starts servers as child processes.
type Backend struct{ options Options }

var _ launcher.Backend = (*Backend)(nil)

// New returns a backend that starts the command.
func New(o Options) *Backend {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	return &Backend{options: o}
}

// Name is "process".
func (*Backend) Name() string { return "process" }

// Check finds the executable and the working directory.
func (b *Backend) Check(context.Context) error {
	if len(b.options.Command) == 0 {
		return errors.New("the server process has no command")
	}
	if _, err := launcher.ModelArgs(b.options.ModelArg, ""); err != nil {
		return err
	}
	if b.options.Dir != "" {
		if info, err := os.Stat(b.options.Dir); err != nil || !info.IsDir() {
			return fmt.Errorf("working directory %s of the server does not exist", b.options.Dir)
		}
	}
	_, err := b.executable()
	return err
}

// executable finds the command in PATH or, when it is a relative path, in the
// working directory of the server.
func (b *Backend) executable() (string, error) {
	name := b.options.Command[0]
	if strings.ContainsRune(name, filepath.Separator) && b.options.Dir != "" && !filepath.IsAbs(name) {
		name = filepath.Join(b.options.Dir, name)
	}
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("%w: install the server, or set server.process.command to the full path of its executable", err)
	}
	return path, nil
}

// Launch starts the command on a port that is free now.
func (b *Backend) Launch(ctx context.Context, spec launcher.Spec) (launcher.Handle, error) {
	if err := errors.Join(ctx.Err(), b.Check(ctx)); err != nil {
		return nil, err
	}
	port, err := sockets.FreePort()
	if err != nil {
		return nil, err
	}
	env, secrets := environment(b.options.Environ, spec)
	args := b.arguments(spec, port)
	path, err := b.executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir, cmd.Env = b.options.Dir, env
	log, err := serverlog.Create(spec.LogPath, secrets, 0)
	if err != nil {
		return nil, err
	}
	h := &handle{
		port: port, log: log, cmd: cmd,
		marks:  map[string]string{procs.RunMarker: spec.RunID, procs.StartMarker: spec.StartID},
		exited: make(chan struct{}), copied: make(chan struct{}),
	}
	for _, a := range args {
		h.shown = append(h.shown, serverlog.Redact(a, secrets))
	}
	if err := h.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", h.shown[0], err), log.Close())
	}
	return h, nil
}

// arguments is the complete command line.
func (b *Backend) arguments(spec launcher.Spec, port int) []string {
	model, _ := launcher.ModelArgs(b.options.ModelArg, spec.Model) // Check has seen it
	args := slices.Concat(b.options.Command, model, spec.Args)
	placed := false
	replace := strings.NewReplacer("{port}", strconv.Itoa(port), "{host}", host)
	for i, a := range args {
		placed = placed || strings.Contains(a, "{port}")
		args[i] = replace.Replace(a)
	}
	if !placed {
		args = append(args, "--host", host, "--port", strconv.Itoa(port))
	}
	return args
}
