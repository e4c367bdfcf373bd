package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/launcher"
)

// redraw is the time between two drawings of the progress line.
const redraw = 200 * time.Millisecond

// screen shows a run on stderr: messages above, and on a terminal one progress
// line below, redrawn in place. Off a terminal each message is one timestamped
// line. It is the runner's Observer.
type screen struct {
	out   io.Writer
	live  bool
	width func() int
	now   func() time.Time

	mu     sync.Mutex
	status runner.Status
	drawn  bool // a progress line stands on the terminal
	closed bool // no more progress lines; a late message is still printed

	stop chan struct{}
	done chan struct{}
}

func newScreen(sys *System, plain bool) *screen {
	s := &screen{out: sys.Stderr, live: sys.ErrTTY && !plain, width: sys.Width, now: time.Now,
		stop: make(chan struct{}), done: make(chan struct{})}
	if !s.live {
		close(s.done)
		return s
	}
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
			s.draw()
			s.mu.Unlock()
		}
	}
}

// Close removes the progress line for good. Messages are printed still.
func (s *screen) Close() {
	if !s.live {
		return
	}
	close(s.stop)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.closed = true
}

// Message implements runner.Observer.
func (s *screen) Message(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
}

func (s *screen) erase() {
	if s.drawn {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.drawn = false
	}
}

func (s *screen) draw() {
	if s.status.Total == 0 || s.closed {
		return
	}
	line := progressLine(s.status, s.now(), s.width()-1)
	fmt.Fprintf(s.out, "\r%s\x1b[K", line)
	s.drawn = true
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
		parts = append(parts, fmt.Sprintf("%s left, ends %s", words(left), now.Add(left).Format("15:04")))
	}
	if st.Block > 0 {
		parts = append(parts, fmt.Sprintf("block %d/%d", st.Block, st.Blocks))
	}
	for _, s := range []string{st.Configuration, st.Point, stageText(st, now)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return cut(strings.Join(parts, " | "), width)
}

func stageText(st runner.Status, now time.Time) string {
	if st.Stage == "" {
		return ""
	}
	text := st.Stage
	if st.Phase != "" && st.Stage == runner.StageStarting && !st.PhaseBegan.IsZero() {
		return text + ", " + launcher.PhaseText(st.Phase) + " " + words(now.Sub(st.PhaseBegan))
	}
	if !st.StageBegan.IsZero() {
		text += " " + now.Sub(st.StageBegan).Round(time.Second).String()
	}
	if st.Stage == runner.StageMeasuring {
		if !st.Load.InWindow {
			text += ", warm-up"
		}
		text += fmt.Sprintf(", %d in flight, %d done", st.Load.InFlight, st.Load.Completed)
		if st.Load.Failed > 0 {
			text += fmt.Sprintf(", %d FAILED", st.Load.Failed)
		}
	}
	return text
}

// cut shortens s to at most width runes.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	return string(r[:max(width-1, 0)]) + "…"
}

// words prints a duration for people: "45 s", "12 min", "7 h 05 min".
func words(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 100*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	default:
		m := int(d.Round(time.Minute).Minutes())
		return fmt.Sprintf("%d h %02d min", m/60, m%60)
	}
}
