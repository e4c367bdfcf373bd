package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// Kinds of progress.
const (
	progressAuto  = "auto"  // live on a terminal, else plain
	progressPlain = "plain" // one timestamped line an event, and the state once a minute
	progressJSON  = "json"  // one JSON object a line: messages, and the state once a second
)

// screen shows a run on stderr: messages above, and on a terminal the present
// state in a few lines below, redrawn in place. It is the runner's Observer, and
// none of its methods waits for whoever reads stderr.
type screen struct {
	*queuedWriter
	plainly func(text string) string // errors in plain words, commands as the program was called; nil: as it is
	live    bool
	json    bool
	width   func() int
	now     func() time.Time

	mu     sync.Mutex
	status runner.Status
	lanes  lanes
	best   []string // the answers so far, a line each
	ended  bool     // no more lines of state

	// Of the writer's goroutine alone.
	told  time.Time // when the state was last told, off a terminal
	drawn int       // lines of state that stand on the terminal
}

func newScreen(sys *System, kind string) *screen {
	s := &screen{plainly: sys.plainly, live: sys.ErrTTY && kind == progressAuto, json: kind == progressJSON, width: sys.Width, now: time.Now}
	s.queuedWriter = newQueuedWriter(sys.Stderr, s.render)
	return s
}

// onScreen gives stderr to a screen, through which everything goes from now on.
// A second call returns the first one's.
func (sys *System) onScreen(kind string) *screen {
	if sys.screen == nil {
		sys.screen = newScreen(sys, kind)
		sys.Stderr = sys.screen
	}
	return sys.screen
}

// Message implements runner.Observer.
func (s *screen) Message(text string, about ...notice.Notice) {
	s.add(message{at: s.now(), text: text, about: about})
}

// Status implements runner.Observer.
func (s *screen) Status(status runner.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	s.lanes.take(status)
}

// Best takes the best so far, a line each.
func (s *screen) Best(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.best = lines
}

// End removes the lines of state for good. Messages are still printed.
func (s *screen) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// render is the text of messages and of the state, where that is due.
func (s *screen) render(messages []message, missed int) []byte {
	var b bytes.Buffer
	s.erase(&b)
	if missed > 0 {
		left := notice.New("messages-left-out", notice.Args{"n": notice.Count(missed)})
		s.print(&b, message{at: s.now(), text: left.String(), about: []notice.Notice{left}})
	}
	for _, m := range messages {
		s.print(&b, m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Total > 0 && !s.ended {
		if s.live {
			s.draw(&b)
		} else {
			s.tell(&b)
		}
	}
	return b.Bytes()
}

// print writes one message.
func (s *screen) print(b *bytes.Buffer, m message) {
	if m.raw != nil {
		b.Write(m.raw)
		return
	}
	if s.plainly != nil {
		m.text = s.plainly(m.text)
	}
	if s.json {
		writeLine(b, jsonMessage{m.at, "message", m.text, m.about})
		return
	}
	fmt.Fprintf(b, "%s %s\n", m.at.Format("15:04:05"), m.text)
}

func (s *screen) erase(b *bytes.Buffer) {
	if s.drawn > 1 {
		fmt.Fprintf(b, "\x1b[%dA", s.drawn-1)
	}
	if s.drawn > 0 {
		b.WriteString("\r\x1b[J")
		s.drawn = 0
	}
}

// draw writes the state for a terminal. The caller holds the lock.
func (s *screen) draw(b *bytes.Buffer) {
	lines := s.stateLines(s.now(), s.width()-1)
	fmt.Fprintf(b, "\r%s", strings.Join(lines, "\n"))
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
		full := min(bar, int(bar*st.Share))
		parts[0] = fmt.Sprintf("[%s%s] %s", strings.Repeat("#", full), strings.Repeat("-", bar-full), parts[0])
	}
	if st.More {
		parts[0] += " + confirmation"
	}
	if st.Left.Most > 0 {
		// Hours can pass between two states (a model is loaded): the estimate
		// runs down and its end stays.
		parts = append(parts, ends(st.Left.After(now.Sub(st.At)), now))
	}
	if st.Block > 0 {
		parts = append(parts, matrix.RoundText(st.Block, st.Blocks, st.Confirming))
	}
	return say.Clip(strings.Join(append(parts, workParts(st, now)...), " | "), width)
}

// ends is when a run ends that takes so much longer.
func ends(left runner.Left, now time.Time) string {
	least, most := say.Clock(now.Add(left.Least), now), say.Clock(now.Add(left.Most), now)
	if least == most {
		return "ends at " + most
	}
	return "ends between " + least + " and " + most
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
