package loadgen

import (
	"fmt"
	"slices"
	"strings"
)

// AllFailed describes a phase of a load in which no request succeeded, with the
// classes and the first error. It is "" where one did, and where none was due.
func (r *Result) AllFailed(phase Phase) string {
	classes, all, first := map[Class]int{}, 0, ""
	for i := range r.Requests {
		q := &r.Requests[i]
		switch {
		case q.Phase != phase:
			continue
		case q.Class == ClassOK:
			return ""
		case first == "":
			first = q.Error
		}
		classes[q.Class]++
		all++
	}
	if all == 0 {
		return ""
	}
	var parts []string
	for class, n := range classes {
		parts = append(parts, fmt.Sprintf("%s %d", class, n))
	}
	slices.Sort(parts)
	text := fmt.Sprintf("none of %d requests succeeded (%s)", all, strings.Join(parts, ", "))
	if first != "" {
		text += "; the first: " + first
	}
	return text
}
