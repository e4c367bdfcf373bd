package rundir

import (
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Causes of a failed trial: one each.
const (
	FailedStart    = "did_not_start" // its server did not become ready
	FailedDied     = "died"          // its server died or got stuck under load
	FailedRefused  = "refused"       // the server answered every request with an error
	FailedRequests = "no_success"    // no request succeeded, for other reasons
	FailedRates    = "no_rates"      // the rates of its sweep load could not be found
	FailedLoad     = "load"          // the load could not be made
)

// FailureCauses lists them in the order in which they are told.
func FailureCauses() []string {
	return []string{FailedStart, FailedDied, FailedRefused, FailedRequests, FailedRates, FailedLoad}
}

// FailureCause is why a failed trial failed, one of the Failed constants. A
// record of format 1 may have no cause of its own, so its reason's words, which no
// code stands for, and whether a load ever ran decide.
func (t Trial) FailureCause() string {
	for _, c := range FailureCauses() {
		for _, own := range t.Causes {
			if own == c {
				return c
			}
		}
	}
	reason := recordedWords(t.Reasons)
	switch {
	case t.Refused != "":
		return FailedRefused
	case strings.Contains(reason, "died under load"):
		return FailedDied
	case strings.HasPrefix(reason, "no request succeeded (http "):
		if classes, _, _ := strings.Cut(reason, ")"); strings.Contains(classes, ",") {
			return FailedRequests
		}
		return FailedRefused
	case strings.HasPrefix(reason, "no request succeeded"), strings.HasPrefix(reason, "none of ") && strings.HasSuffix(reason, " requests succeeded"):
		return FailedRequests
	case strings.Contains(reason, ": the rates of load "):
		return FailedRates
	case t.Ended.After(t.Began):
		return FailedLoad
	}
	return FailedStart
}

// recordedWords are the sentences of a record of format 1.
func recordedWords(list []notice.Notice) string {
	var words []string
	for _, n := range list {
		if n.Code == "recorded-text" {
			words = append(words, n.Text())
		}
	}
	return strings.Join(words, "; ")
}
