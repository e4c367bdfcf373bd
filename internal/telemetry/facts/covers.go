package facts

import (
	"fmt"
	"math"
	"time"

	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// coverage is by how much the server's own count of a load may miss the
// client's, as a share. Behind a router with n workers one of them counts about
// 1/n of it; a server that others load too counts more.
const coverage = 0.10

// uncovered says why the engine's figures are not those of the load: the pages
// came from several servers by turns, or count less or more than the client
// sent. "": they are, as far as can be known.
func uncovered(scrapes []telemetry.Engine, l *Load) string {
	if several(scrapes, l) {
		return "several servers answer by turns for the metrics of this address, as behind a router"
	}
	if l == nil || len(scrapes) < 2 || restarted(scrapes) {
		return ""
	}
	first := scrapes[0]
	for _, e := range scrapes[1:] {
		if !e.At.After(l.Began) {
			first = e
		}
	}
	last := scrapes[len(scrapes)-1]
	var why string
	// Requests that failed or were cut off may be counted or not, and their
	// tokens too. One more or less is no sign of anything.
	if n, ok := finished(first, last); ok {
		off := misses(n, float64(l.Completed), float64(l.Sent), 1)
		if off == "" {
			return ""
		}
		why = fmt.Sprintf("the server counted %.0f requests, the client completed %d: %s", n, l.Completed, off)
	}
	if n := grown(first, last, telemetry.GenerationTokens); n != nil && l.Completed > 0 {
		each := l.Tokens / float64(l.Completed)
		off := misses(*n, l.Tokens, each*float64(l.Sent), each)
		if off == "" {
			return ""
		}
		if why == "" {
			why = fmt.Sprintf("the server counted %.0f generated tokens, the client received %.0f: %s", *n, l.Tokens, off)
		}
	}
	return why
}

// misses says what is likely where a count of the server is outside what the
// client's may be; "": it is inside.
func misses(n, least, most, slack float64) string {
	switch {
	case n < (1-coverage)*least-slack:
		return "its metrics are those of one of several workers"
	case n > (1+coverage)*most+slack:
		return "others load it too"
	}
	return ""
}

// finished is the growth of the number of requests that the server counted.
func finished(a, b telemetry.Engine) (float64, bool) {
	x, ok1 := a.Histograms[telemetry.ServerE2E]
	y, ok2 := b.Histograms[telemetry.ServerE2E]
	return y.Count - x.Count, ok1 && ok2 && y.Count >= x.Count
}

// clocksApart is how far the clocks of the server's machine and of this one may
// be from each other.
const clocksApart = 10 * time.Second

// several says whether the scrapes are of more than one server: another process
// answers than before, and it began earlier, or ran already when the one before
// was read. Where their start is not offered, counters that fell say so, if they
// fell twice or no request failed meanwhile.
func several(scrapes []telemetry.Engine, l *Load) bool {
	known := false
	for i := 1; i < len(scrapes); i++ {
		a, ok1 := scrapes[i-1].Values[telemetry.ProcessStart]
		b, ok2 := scrapes[i].Values[telemetry.ProcessStart]
		if !ok1 || !ok2 {
			continue
		}
		known = true
		sec, part := math.Modf(b)
		ran := time.Unix(int64(sec), int64(part*1e9)).Before(scrapes[i-1].At.Add(-clocksApart))
		if b < a-1 || b > a+1 && ran {
			return true
		}
	}
	if known {
		return false
	}
	n := begun(scrapes)
	return n > 1 || n == 1 && l != nil && l.Sent > 0 && l.Completed == l.Sent
}
