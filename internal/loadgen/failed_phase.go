package loadgen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// WarmupFailed tells of a phase of a load, the warm-up or a run that was one, in
// which no request succeeded: its classes and the first error. There is nothing
// to tell where one did, and where none was due.
func (r *Result) WarmupFailed(phase Phase) []notice.Notice {
	classes, all, first := map[Class]int{}, 0, ""
	for i := range r.Requests {
		q := &r.Requests[i]
		switch {
		case q.Phase != phase:
			continue
		case q.Class == ClassOK:
			return nil
		case first == "":
			first = q.Error
		}
		classes[q.Class]++
		all++
	}
	if all == 0 {
		return nil
	}
	var parts []string
	for class, n := range classes {
		parts = append(parts, fmt.Sprintf("%s %d", class, n))
	}
	slices.Sort(parts)
	return []notice.Notice{notice.New("warmup-failed", withError(first, notice.Args{
		"n": notice.Count(all), "classes": notice.Text(strings.Join(parts, ", ")),
	}))}
}
