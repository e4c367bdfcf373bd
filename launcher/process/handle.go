package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
	"github.com/vllm-sweep/sweep/launcher/internal/sockets"
)

// lastWords is how long output is still waited for after the server's main
// process has ended: its workers may hold the pipe open for ever.
const lastWords = 300 * time.Millisecond

// handle is one server process with its group.
type handle struct {
	port  int
	shown []string // command line, redacted
	marks map[string]string
	log   *serverlog.Log
	cmd   *exec.Cmd

	pid    int
	output *os.File      // our end of the pipe from the server
	copied chan struct{} // closed when all output is in the log
	exited chan struct{}
	exit   launcher.Exit // valid once exited is closed

	stopping sync.Mutex
	released bool
}

var _ launcher.Handle = (*handle)(nil)

// start runs the command. One goroutine copies output until the pipe is
// closed, another waits for the main process; stop waits for both.
func (h *handle) start() error {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	h.output = ours
	h.cmd.Stdout, h.cmd.Stderr = theirs, theirs
	h.cmd.SysProcAttr = groupAttributes()
	started := make(chan error, 1)
	go h.run(started)
	err = <-started
	theirs.Close()
	if err != nil {
		ours.Close()
		return err
	}
	h.pid = h.cmd.Process.Pid
	go func() {
		defer close(h.copied)
		// The read ends in an error when stop closes the pipe.
		if err := boundary.Guard("the server's output", func() error { _, err := io.Copy(h.log, ours); return err }); err != nil {
			_, _ = io.Copy(io.Discard, ours) // a server whose output is not read stands still
		}
	}()
	return nil
}

// run starts the process and waits for it on one locked thread: Linux sends
// the parent-death signal when the thread that forked ends, not when the
// program does, so that thread must live as long as the server.
func (h *handle) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := h.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = h.cmd.Wait() // the state says more than the error
	exit := exitOf(h.cmd.ProcessState)
	select {
	case <-h.copied:
	case <-time.After(lastWords):
	}
	h.exit = exit
	close(h.exited)
}

func exitOf(state *os.ProcessState) launcher.Exit {
	e := launcher.Exit{Code: state.ExitCode(), At: time.Now()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Code = 128 + int(status.Signal())
		e.Detail = "ended by signal: " + status.Signal().String()
	}
	return e
}

func (h *handle) BaseURL() string         { return fmt.Sprintf("http://%s:%d", host, h.port) }
func (h *handle) ID() string              { return "pid " + strconv.Itoa(h.pid) }
func (h *handle) Command() []string       { return h.shown }
func (h *handle) Exited() <-chan struct{} { return h.exited }
func (h *handle) Exit() launcher.Exit     { return h.exit }

// Facts are the process ID, the port and the executable.
func (h *handle) Facts() map[string]string {
	return map[string]string{
		"pid": strconv.Itoa(h.pid), "port": strconv.Itoa(h.port), "executable": h.cmd.Path,
	}
}

// Owns checks that the port's listening socket is open in one of our
// processes.
func (h *handle) Owns(context.Context) error {
	alive, err := h.alive()
	if err != nil {
		return err
	}
	ours := map[int]bool{}
	for _, p := range alive {
		ours[p.PID] = true
	}
	err = sockets.Owned(h.port, func(pid int) bool { return ours[pid] })
	if errors.Is(err, sockets.ErrUnknown) {
		return launcher.ErrOwnerUnknown
	}
	return err
}

// Stop sends TERM to the group, kills after grace, and waits until every
// process of the start is gone. Once the main process has ended, nobody leads
// the others to their end: they are killed soon after.
func (h *handle) Stop(ctx context.Context, grace time.Duration) error {
	h.stopping.Lock()
	defer h.stopping.Unlock()
	if h.released {
		return nil
	}
	if grace > 0 && !h.dead() {
		if err := h.ask(ctx, grace); err != nil {
			return err
		}
	}
	if err := h.kill(ctx); err != nil {
		return err
	}
	<-h.exited
	h.output.Close()
	<-h.copied
	h.released = true
	return h.log.Close()
}
