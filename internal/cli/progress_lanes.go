package cli

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/runner"
)

// lanes are the states of starts that run side by side, by their GPUs.
type lanes map[string]runner.Status

// take keeps the state of a lane until the lane ends.
func (l *lanes) take(st runner.Status) {
	switch {
	case st.GPUs == "":
	case st.Stage == "":
		delete(*l, st.GPUs)
	default:
		if *l == nil {
			*l = lanes{}
		}
		(*l)[st.GPUs] = st
	}
}

// overall is the state of the run, and the lanes that work, by their GPUs.
// Without lanes it is the only state there is.
func (s *screen) overall() (runner.Status, []runner.Status) {
	if len(s.lanes) == 0 {
		return s.status, nil
	}
	st := s.status
	st.Configuration, st.Point, st.Stage, st.Live = "", "", "", runner.Live{}
	var working []runner.Status
	for _, gpus := range slices.Sorted(maps.Keys(s.lanes)) {
		working = append(working, s.lanes[gpus])
	}
	return st, working
}

// laneText is what one lane does.
func laneText(st runner.Status, now time.Time) string {
	parts := append([]string{"GPU " + st.GPUs}, workParts(st, now)...)
	if text := liveText(st); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, " | ")
}
