package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/runner"
)

// gate is a writer whose reader reads only once it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	read bytes.Buffer
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.read.Write(p)
}

// lines are what was read, without times of day.
func (g *gate) lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for line := range strings.Lines(g.read.String()) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		out = append(out, text)
	}
	return out
}

// Nobody waits for a reader that stops. When it comes back it is told how much
// it missed, before the last messages.
func TestMessagesWithoutAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newScreen(&System{Stderr: g}, progressPlain)
		s.Message("first")
		synctest.Wait() // this one is being written
		began := time.Now()
		const more = 7
		for i := range queuedMessages + more {
			s.Message(fmt.Sprint("message ", i))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("messages took %s", took)
		}
		if s.Flush(); time.Since(began) != flushWait {
			t.Errorf("Flush took %s, want %s", time.Since(began), flushWait)
		}
		close(g.open)
		s.Message("last")
		s.Close()
		want := []string{"first", notice.New("messages-left-out", notice.Args{"n": notice.Count(more + 1)}).String()}
		for i := range queuedMessages - 1 {
			want = append(want, fmt.Sprint("message ", more+1+i))
		}
		if got := g.lines(); !slices.Equal(got, append(want, "last")) {
			t.Errorf("%d lines, want %d; they begin with %q", len(got), len(want)+1, got[:min(4, len(got))])
		}
	})
}

// Of the states that nobody read, only the latest is written.
func TestStatesWithoutAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newScreen(&System{Stderr: g}, progressJSON)
		for done := range 100 {
			s.Status(runner.Status{Done: done, Total: 100, Stage: runner.StageMeasuring})
			time.Sleep(time.Second)
		}
		close(g.open)
		time.Sleep(time.Second)
		s.End()
		s.Close()
		var seen []int
		for line := range strings.Lines(g.read.String()) {
			var st jsonState
			if err := json.Unmarshal([]byte(line), &st); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, st.Done)
		}
		if len(seen) < 2 || seen[0] != 0 || seen[1] != 99 {
			t.Errorf("states %v, want the first, then the latest", seen)
		}
	})
}

// The end of a run waits for the reader of the answer, but not for ever, and
// after an interrupt hardly at all.
func TestAnswerWithoutAReader(t *testing.T) {
	for name, c := range map[string]struct{ interrupt, want time.Duration }{
		"never read":  {time.Hour, answerWait},
		"interrupted": {3 * time.Second, 3 * time.Second},
		"read late":   {time.Hour, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var errs bytes.Buffer
				out := newGate()
				sys := &System{Stdout: out, Stderr: &errs}
				screen := sys.onScreen(progressPlain)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(c.interrupt, cancel)
				late := name == "read late"
				if late {
					time.AfterFunc(c.want, func() { close(out.open) })
				}
				began := time.Now()
				sys.printAnswer(ctx, "the answer\n", "runs/acme/1")
				if took := time.Since(began); took != c.want {
					t.Errorf("took %s, want %s", took, c.want)
				}
				screen.Close()
				if said := strings.Contains(errs.String(), "sweep analyze runs/acme/1"); said == late {
					t.Errorf("stderr: %q", errs.String())
				}
				if !late {
					close(out.open)
				}
				cancel()
			})
		})
	}
}

// An answer that cannot be written is a warning, and none if its reader left.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	for err, want := range map[error]string{syscall.ENOSPC: "the disk is full", syscall.EPIPE: ""} {
		var errs bytes.Buffer
		sys := &System{Stdout: broken{err}, Stderr: &errs}
		screen := sys.onScreen(progressPlain)
		sys.printAnswer(t.Context(), "the answer\n", "runs/acme/1")
		screen.Close()
		if got := errs.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%v: stderr %q", err, got)
		}
	}
}

// broken is a writer that fails.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

// An interrupt cancels first. The second and the third work, too, when nobody
// reads what is said about them.
func TestInterruptsWithoutAReader(t *testing.T) {
	g := newGate()
	exits, removing, hold := make(chan int, 1), make(chan struct{}), make(chan struct{})
	sys := &System{Stderr: g, Exit: func(code int) { exits <- code }}
	ctx, release := sys.interruptible(t.Context(), func() { sys.say(stopText) }, func() {
		close(removing)
		<-hold
	})
	defer close(g.open)
	defer close(hold)
	defer release()
	sys.say("this line is never read")
	interrupt := func(effect <-chan struct{}) {
		t.Helper()
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case <-effect:
		case <-time.After(10 * time.Second):
			t.Fatal("an interrupt without effect")
		}
	}
	interrupt(ctx.Done())
	interrupt(removing)
	left := make(chan struct{})
	go func() {
		if code := <-exits; code != exitInterrupted {
			t.Errorf("exit code %d", code)
		}
		close(left)
	}()
	interrupt(left)
}
