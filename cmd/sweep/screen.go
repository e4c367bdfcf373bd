package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
)

// redraw is the time between two drawings of the progress line.
const redraw = 200 * time.Millisecond

// Kinds of progress.
const (
	progressAuto  = "auto"  // live on a terminal, else plain
	progressPlain = "plain" // one timestamped line an event, and the state once a minute
	progressJSON  = "json"  // one JSON object a line: messages, and the state once a second
)

// screen shows a run on stderr: messages above, and on a terminal the present
// state in a few lines below, redrawn in place. It is the runner's Observer.
type screen struct {
	out     io.Writer
	plainly func(text string) string // errors in plain words, commands as the program was called; nil: as it is
	live    bool
	json    bool
	width   func() int
	now     func() time.Time

	mu     sync.Mutex
	status runner.Status
	lanes  lanes
	told   time.Time // when the state was last told, off a terminal
	best   []string  // the answers so far, a line each
	drawn  int       // lines of state that stand on the terminal
	closed bool      // no more lines of state; a late message is still printed

	once sync.Once
	stop chan struct{}
	done chan struct{}
}

func newScreen(sys *System, kind string) *screen {
	s := &screen{out: sys.Stderr, plainly: sys.plainly, live: sys.ErrTTY && kind == progressAuto, json: kind == progressJSON, width: sys.Width, now: time.Now,
		stop: make(chan struct{}), done: make(chan struct{})}
	go s.loop()
	return s
}

func (s *screen) loop() {
	defer close(s.done)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.mu.Lock()
			if s.live {
				s.draw()
			} else {
				s.tell() // hours can pass without an event
			}
			s.mu.Unlock()
		}
	}
}

// Close removes the lines of state for good. Messages are printed still. A
// second call does nothing.
func (s *screen) Close() {
	s.once.Do(func() { close(s.stop) })
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.closed = true
}

// Message implements runner.Observer.
func (s *screen) Message(text string, about ...notice.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plainly != nil {
		text = s.plainly(text)
	}
	if s.json {
		s.line(jsonMessage{s.now(), "message", text, about})
		return
	}
	s.erase()
	fmt.Fprintf(s.out, "%s %s\n", s.now().Format("15:04:05"), text)
	if s.live {
		s.draw()
	}
}

// Status implements runner.Observer.
func (s *screen) Status(status runner.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	s.lanes.take(status)
	s.tell()
}

// Best takes the answers so far.
func (s *screen) Best(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.best = lines
}

func (s *screen) erase() {
	if s.drawn > 1 {
		fmt.Fprintf(s.out, "\x1b[%dA", s.drawn-1)
	}
	if s.drawn > 0 {
		fmt.Fprint(s.out, "\r\x1b[J")
		s.drawn = 0
	}
}

func (s *screen) draw() {
	if s.status.Total == 0 || s.closed {
		return
	}
	lines := s.stateLines(s.now(), s.width()-1)
	s.erase()
	fmt.Fprintf(s.out, "\r%s", strings.Join(lines, "\n"))
	s.drawn = len(lines)
}

// barFrom is the width from which the bar leaves room for what it stands for.
const barFrom = 60

// progressLine is the present state in at most width columns: bar, counts,
// cell, stage, time left.
func progressLine(st runner.Status, now time.Time, width int) string {
	parts := []string{fmt.Sprintf("%d/%d", st.Done, st.Total)}
	if width >= barFrom {
		const bar = 20
		full := bar * st.Done / max(st.Total, 1)
		parts[0] = fmt.Sprintf("[%s%s] %s", strings.Repeat("#", full), strings.Repeat("-", bar-full), parts[0])
	}
	if left := max(st.Left-now.Sub(st.At), 0); st.Left > 0 {
		// Hours can pass between two states (a model is loaded): the estimate
		// runs down and its end stays.
		parts = append(parts, fmt.Sprintf("%s left, ends %s", say.Duration(left), now.Add(left).Format("15:04")))
	}
	if st.Block > 0 {
		parts = append(parts, fmt.Sprintf("round %d/%d", st.Block, st.Blocks))
	}
	return say.Clip(strings.Join(append(parts, workParts(st, now)...), " | "), width)
}

// workParts is what is done now: cell and stage.
func workParts(st runner.Status, now time.Time) []string {
	return slices.DeleteFunc([]string{st.Configuration, st.Point, stageText(st, now)}, func(s string) bool { return s == "" })
}

func stageText(st runner.Status, now time.Time) string {
	if st.Stage == "" {
		return ""
	}
	text := st.Stage
	if st.Phase != "" && st.Stage == runner.StageStarting && !st.PhaseBegan.IsZero() {
		return text + ", " + launcher.PhaseText(st.Phase) + " " + say.Duration(now.Sub(st.PhaseBegan))
	}
	if !st.StageBegan.IsZero() {
		text += " " + now.Sub(st.StageBegan).Round(time.Second).String()
	}
	if st.Waiting != "" {
		text += ": " + st.Waiting
	}
	if st.Stage == runner.StageMeasuring || st.Stage == runner.StageSettling {
		if !st.Load.InWindow && st.Stage == runner.StageMeasuring {
			text += ", warm-up"
		}
		text += fmt.Sprintf(", %d in flight, %d done", st.Load.InFlight, st.Load.Completed)
		if st.Load.Failed > 0 {
			text += fmt.Sprintf(", %d FAILED", st.Load.Failed)
		}
	}
	return text
}
