package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
)

// stateLines is the present state for a terminal: the progress line, what the
// load does now, or a line a lane, and the answers so far.
func (s *screen) stateLines(now time.Time, width int) []string {
	st, working := s.overall()
	lines := []string{progressLine(st, now, width)}
	if text := liveText(st); text != "" {
		lines = append(lines, say.Clip("  "+text, width))
	}
	for _, lane := range working {
		lines = append(lines, say.Clip("  "+laneText(lane, now), width))
	}
	for _, b := range s.best {
		lines = append(lines, say.Clip("  best so far: "+b, width))
	}
	return lines
}

// liveText tells of the load in progress: rate, TTFT as the server sees it,
// cache, queue, GPU.
func liveText(st runner.Status) string {
	l := st.Live
	var parts []string
	if st.Stage == runner.StageMeasuring {
		if l.Rate > 0 {
			parts = append(parts, say.Unit(metric.Requests, l.Rate))
		}
		if n := len(l.TTFT); n > 0 {
			parts = append(parts, "TTFT "+spark(l.TTFT)+" "+say.Seconds(l.TTFT[n-1]))
		}
		if l.KVUsage > 0 {
			parts = append(parts, "KV cache "+say.Percent(l.KVUsage))
		}
		if l.Waiting > 0 {
			parts = append(parts, fmt.Sprintf("%.0f waiting", l.Waiting))
		}
	}
	if l.Temperature > 0 && st.Stage != runner.StageReporting {
		text := fmt.Sprintf("GPU %.0f °C", l.Temperature)
		if l.Power > 0 {
			text += fmt.Sprintf(" %.0f W", l.Power)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " | ")
}

// bars of a sparkline, from low to high.
const bars = "▁▂▃▄▅▆▇█"

// spark draws values from zero to the largest, one character each.
func spark(values []float64) string {
	high := 0.0
	for _, v := range values {
		high = max(high, v)
	}
	levels := []rune(bars)
	var b strings.Builder
	for _, v := range values {
		i := 0
		if high > 0 {
			i = min(len(levels)-1, int(v/high*float64(len(levels))))
		}
		b.WriteRune(levels[max(i, 0)])
	}
	return b.String()
}

// jsonMessage and jsonState are the lines of --progress=json.
type jsonMessage struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"` // message
	Text  string    `json:"text"`
	// Notices are what the text says as values, with their codes and subjects.
	Notices []notice.Notice `json:"notices,omitempty"`
}

type jsonState struct {
	Time          time.Time `json:"time"`
	Event         string    `json:"event"`          // state
	GPUs          string    `json:"gpus,omitempty"` // of the lane, where starts run side by side
	Done          int       `json:"done"`
	Total         int       `json:"total"`
	Block         int       `json:"block,omitempty"`
	Blocks        int       `json:"blocks,omitempty"`
	Confirming    bool      `json:"confirming,omitempty"` // block and blocks count confirmation rounds
	Configuration string    `json:"configuration,omitempty"`
	Point         string    `json:"load_point,omitempty"`
	Stage         string    `json:"stage,omitempty"`
	Phase         string    `json:"phase,omitempty"`
	Waiting       string    `json:"waiting_for,omitempty"`
	More          bool      `json:"more,omitempty"`  // total grows: the confirmation runs are not planned yet
	Share         float64   `json:"share,omitempty"` // of the run's time that is over, 0..1
	LeftLeast     float64   `json:"left_least_s"`
	LeftMost      float64   `json:"left_most_s"`
	InWindow      bool      `json:"in_window,omitempty"`
	Completed     int       `json:"completed,omitempty"`
	Failed        int       `json:"failed,omitempty"`
	InFlight      int       `json:"in_flight,omitempty"`
	Rate          float64   `json:"requests_per_s,omitempty"`
	TTFT          float64   `json:"server_ttft_s,omitempty"`
	KVUsage       float64   `json:"kv_cache_usage,omitempty"`
	Temperature   float64   `json:"gpu_temperature_c,omitempty"`
	Power         float64   `json:"gpu_power_w,omitempty"`
	Best          []string  `json:"best_so_far,omitempty"`
}

// Times between two tellings of the state, off a terminal.
const (
	plainEvery = time.Minute
	jsonEvery  = time.Second
)

// tell writes the state to a log when it is due. The caller holds the lock.
func (s *screen) tell(b *bytes.Buffer) {
	now := s.now()
	every := plainEvery
	if s.json {
		every = jsonEvery
	}
	if s.told.IsZero() && !s.json {
		s.told = now // the messages of the beginning say the same
	}
	if now.Sub(s.told) < every {
		return
	}
	s.told = now
	st, working := s.overall()
	if s.json {
		for _, lane := range working {
			writeLine(b, s.state(lane, now))
		}
		if len(working) == 0 {
			writeLine(b, s.state(st, now))
		}
		return
	}
	text := progressLine(st, now, 1<<10)
	if live := liveText(st); live != "" {
		text += " | " + live
	}
	for _, lane := range working {
		text += " | " + laneText(lane, now)
	}
	fmt.Fprintf(b, "%s %s\n", now.Format("15:04:05"), text)
}

func (s *screen) state(st runner.Status, now time.Time) jsonState {
	left := st.Left.After(now.Sub(st.At))
	j := jsonState{
		Time: now, Event: "state", GPUs: st.GPUs, Done: st.Done, Total: st.Total, Block: st.Block, Blocks: st.Blocks,
		Confirming:    st.Confirming,
		Configuration: st.Configuration, Point: st.Point, Stage: st.Stage, Phase: st.Phase, Waiting: st.Waiting,
		More: st.More, Share: st.Share, LeftLeast: left.Least.Seconds(), LeftMost: left.Most.Seconds(),
		Temperature: st.Live.Temperature, Power: st.Live.Power, Best: s.best,
	}
	if st.Stage == runner.StageMeasuring {
		j.InWindow, j.Completed, j.Failed, j.InFlight = st.Load.InWindow, st.Load.Completed, st.Load.Failed, st.Load.InFlight
		j.Rate, j.KVUsage = st.Live.Rate, st.Live.KVUsage
		if n := len(st.Live.TTFT); n > 0 {
			j.TTFT = st.Live.TTFT[n-1]
		}
	}
	return j
}

// writeLine writes one JSON object.
func writeLine(b *bytes.Buffer, v any) {
	if line, err := json.Marshal(v); err == nil {
		b.Write(append(line, '\n'))
	}
}
