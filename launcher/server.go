package launcher

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
	"github.com/vllm-sweep/sweep/launcher/internal/sockets"
)

const (
	// stopSlack is what a stop may take beyond StopTimeout: kill, removal of
	// the container, tear-down of its network.
	stopSlack = 60 * time.Second
	// portSlack is how long a port may stay open after its server is gone: the
	// kernel closes it with the process, podman with the container.
	portSlack = 3 * time.Second
)

// Server is one server that was started, is ready and was identified.
type Server struct {
	Handle     Handle
	Identity   Identity
	Phases     []Phase
	Logged     Logged
	Effective  *Effective    // configuration in effect; nil: nothing told it
	Compute    string        // ComputeCPU, ComputeGPU; "": nothing told it
	ReadyAfter time.Duration // launch to ready

	spec       Spec
	tail       *serverlog.Tail // of Fatal
	logAtReady int64           // bytes that the log had when the server was ready
}

// BaseURL is where the server answers, without /v1.
func (s *Server) BaseURL() string { return s.Handle.BaseURL() }

// Exited is closed when the server is gone.
func (s *Server) Exited() <-chan struct{} { return s.Handle.Exited() }

// Died diagnoses a server that is gone although nobody stopped it; nil while
// it lives. Call it before Stop to tell a death from a stop, and again after
// Stop for a log that is complete.
func (s *Server) Died() *Diagnosis {
	select {
	case <-s.Handle.Exited():
	default:
		return nil
	}
	d := DiagnoseDeath(s.spec, s.Handle.Exit(), s.logAtReady)
	return &d
}

// Stop ends the server and proves that it is gone and its port is free. It
// works also when ctx is cancelled, within the stop time-out and some slack.
// The error says what is left; the Release is valid with it. It may be called
// twice.
func (s *Server) Stop(ctx context.Context) (Release, error) { return s.stop(ctx, s.spec.StopTimeout) }

// stop is Stop with another time between the request to end and the kill.
func (s *Server) stop(ctx context.Context, grace time.Duration) (Release, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace+stopSlack)
	defer cancel()
	var r Release
	begun := time.Now()
	err := s.Handle.Stop(ctx, grace)
	r.StopTook = time.Since(begun)
	if errors.Is(err, ErrNotOurs) {
		r.LeftOn = true
		return r, nil
	}
	r.Gone = err == nil || errors.Is(err, serverlog.ErrIncomplete) // which is found when all else is done
	begun = time.Now()
	host, port, addrErr := address(s.Handle.BaseURL())
	if addrErr == nil {
		r.PortFree = sockets.WaitFree(ctx, host, port, portSlack)
	}
	r.PortTook = time.Since(begun)
	if !r.PortFree {
		err = errors.Join(err, addrErr, fmt.Errorf("%s:%d still accepts connections", host, port))
	}
	if err != nil {
		err = fmt.Errorf("stop server %s: %w", s.Handle.ID(), err)
		r.Problem = err.Error()
	}
	return r, err
}

func address(base string) (host string, port int, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(u.Port())
	return u.Hostname(), port, err
}
