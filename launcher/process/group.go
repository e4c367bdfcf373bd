package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/launcher/internal/procs"
)

const (
	// killTimeout is how long killed processes may take to vanish; one that
	// holds GPU memory takes a second or two.
	killTimeout = 15 * time.Second
	// leaderless is how long processes are left to themselves that outlive
	// their main process.
	leaderless = 2 * time.Second
	groupPoll  = 25 * time.Millisecond
)

// alive lists the processes of this start: its group, what descends from its
// main process, and what carries its markers although it left the group.
func (h *handle) alive() ([]procs.Process, error) {
	all, err := procs.All()
	if err != nil {
		return nil, err
	}
	if all == nil { // not Linux: the group answers signals or it does not, as one
		if syscall.Kill(-h.pid, 0) == nil {
			return []procs.Process{{PID: -h.pid, Group: h.pid}}, nil
		}
		return nil, nil
	}
	family := map[int]bool{}
	if !h.dead() { // else its number may already be another's
		family = procs.Children(all, h.pid)
	}
	return slices.DeleteFunc(all, func(p procs.Process) bool {
		return p.Group != h.pid && !family[p.PID] && !h.marked(p.PID)
	}), nil
}

// dead reports whether the main process has ended.
func (h *handle) dead() bool {
	select {
	case <-h.exited:
		return true
	default:
		return false
	}
}

func (h *handle) marked(pid int) bool {
	return procs.Marked(pid, procs.StartMarker, h.marks[procs.StartMarker]) &&
		procs.Marked(pid, procs.RunMarker, h.marks[procs.RunMarker])
}

// ask sends TERM to the processes of this start and waits until they are gone,
// at most for grace, and not much longer than the main process lives.
func (h *handle) ask(ctx context.Context, grace time.Duration) error {
	alive, err := h.alive()
	if err != nil {
		return err
	}
	h.signal(alive, syscall.SIGTERM)
	exited := h.exited
	for deadline := time.After(grace); ; {
		if alive, err = h.alive(); err != nil || len(alive) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server's processes to end: %w", ctx.Err())
		case <-deadline:
			return nil
		case <-exited:
			exited, deadline = nil, time.After(min(grace, leaderless))
		case <-time.After(groupPoll):
		}
	}
}

// signal reaches the group at once, and one by one those that left it. A
// process that is gone by now is no fault.
func (h *handle) signal(alive []procs.Process, signal syscall.Signal) {
	if len(alive) == 0 {
		return
	}
	_ = syscall.Kill(-h.pid, signal)
	for _, p := range alive {
		if p.Group != h.pid {
			_ = syscall.Kill(p.PID, signal)
		}
	}
}

// kill ends the processes of this start and those that are born meanwhile. The
// error names what outlived it.
func (h *handle) kill(ctx context.Context) error {
	left, err := killAll(ctx, h.alive)
	if err != nil {
		return fmt.Errorf("wait for the server's processes to end: %w", err)
	}
	if len(left) == 0 {
		<-h.exited
		return nil
	}
	var names []string
	for _, p := range left {
		names = append(names, fmt.Sprintf("%d (%s)", p.PID, p.Name))
	}
	return errors.New("processes left after kill: " + strings.Join(names, ", "))
}

// killAll kills what alive lists until it lists nothing, and returns what
// outlived it for too long.
func killAll(ctx context.Context, alive func() ([]procs.Process, error)) ([]procs.Process, error) {
	var killer procs.Killer
	for deadline := time.Now().Add(killTimeout); ; {
		left, err := alive()
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
		killer.Kill(left)
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-time.After(groupPoll):
		}
	}
}

// Clean ends the processes that an earlier process of the run left behind. It
// finds them by the markers in their environment, so it works on Linux alone;
// elsewhere it finds none.
func (b *Backend) Clean(ctx context.Context, runID string) ([]string, error) {
	var removed []string
	left, err := killAll(ctx, func() ([]procs.Process, error) {
		left, err := orphans(runID)
		for _, p := range left {
			if name := fmt.Sprintf("process %d (%s)", p.PID, p.Name); !slices.Contains(removed, name) {
				removed = append(removed, name)
			}
		}
		return left, err
	})
	if err == nil && len(left) > 0 {
		return nil, fmt.Errorf("remove what run %s left behind: still running after kill: %s", runID, strings.Join(removed, ", "))
	}
	return removed, err
}

// orphans are the processes that carry the run's marker, and the rest of
// their groups and descendants, in case one of those overwrote its environment.
// This program, its ancestors and its group are never among them.
func orphans(runID string) ([]procs.Process, error) {
	all, err := procs.All()
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	spared := ancestors(all, self)
	groups, family := map[int]bool{}, map[int]bool{}
	for _, p := range all {
		if spared[p.PID] || !procs.Marked(p.PID, procs.RunMarker, runID) {
			continue
		}
		for pid := range procs.Children(all, p.PID) {
			family[pid] = true
		}
		if p.Group != syscall.Getpgrp() {
			groups[p.Group] = true
		}
	}
	return slices.DeleteFunc(all, func(p procs.Process) bool {
		return spared[p.PID] || !groups[p.Group] && !family[p.PID]
	}), nil
}

// ancestors returns pid and the processes it descends from.
func ancestors(all []procs.Process, pid int) map[int]bool {
	parent := map[int]int{}
	for _, p := range all {
		parent[p.PID] = p.Parent
	}
	in := map[int]bool{}
	for ; pid != 0 && !in[pid]; pid = parent[pid] {
		in[pid] = true
	}
	return in
}
