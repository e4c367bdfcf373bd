package facts

import (
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// server compares the engine's own figures at the two scrapes nearest to the
// ends of the window, and averages its gauges between them.
func server(rec telemetry.Recorded, t Trial) *rundir.ServerFacts {
	first, last, ok := ends(rec.Scrapes, t)
	if !ok {
		return nil
	}
	a, b := rec.Scrapes[first], rec.Scrapes[last]
	span := b.At.Sub(a.At).Seconds()
	f := &rundir.ServerFacts{Span: span, RestartedInWindow: restarted(rec.Scrapes)}
	gauge := func(name string) []float64 {
		var out []float64
		for _, e := range rec.Scrapes[first : last+1] {
			if v, ok := e.Values[name]; ok {
				out = append(out, v)
			}
		}
		return out
	}
	f.KVCacheUsageMean, f.KVCacheUsagePeak = mean(gauge(telemetry.KVCacheUsage)), highest(gauge(telemetry.KVCacheUsage))
	f.RunningMean, f.RunningPeak = mean(gauge(telemetry.Running)), highest(gauge(telemetry.Running))
	f.WaitingMean, f.WaitingPeak = mean(gauge(telemetry.Waiting)), highest(gauge(telemetry.Waiting))
	f.PreemptionRate = ratio(grown(a, b, telemetry.Preemptions), span)
	f.GenerationRate = ratio(grown(a, b, telemetry.GenerationTokens), span)
	f.PromptRate = ratio(grown(a, b, telemetry.PromptTokens), span)
	f.HitRate = hitRate(a, b)
	for name := range b.Histograms {
		d, ok := b.Histograms[name].Since(a.Histograms[name])
		mean, some := d.Mean()
		switch {
		case !ok || !some || a.Histograms[name].Bounds == nil:
		case name == telemetry.IterationTokens:
			f.IterationTokens = &mean
		default:
			if f.Latency == nil {
				f.Latency = map[string]rundir.ServerLatency{}
			}
			f.Latency[name] = latency(d, mean)
		}
	}
	return f
}

// ends finds the scrapes nearest to the window's ends.
func ends(scrapes []telemetry.Engine, t Trial) (first, last int, ok bool) {
	near := func(to time.Time) int {
		best := 0
		for i, e := range scrapes {
			if e.At.Sub(to).Abs() < scrapes[best].At.Sub(to).Abs() {
				best = i
			}
		}
		return best
	}
	if len(scrapes) < 2 {
		return 0, 0, false
	}
	if first, last = near(t.From), near(t.To); first == last {
		// A window shorter than the time between two scrapes.
		first, last = max(0, first-1), min(len(scrapes)-1, last+1)
	}
	return first, last, scrapes[last].At.After(scrapes[first].At)
}

// grown is the growth of a counter; nil when it is not offered or fell.
func grown(a, b telemetry.Engine, name string) *float64 {
	x, ok1 := a.Values[name]
	y, ok2 := b.Values[name]
	if !ok1 || !ok2 || y < x {
		return nil
	}
	return new(y - x)
}

// hitRate is hits per query between two scrapes: tokens found in the prefix
// cache of those looked for. Engines without the counter of queries count
// their prompt tokens; those with neither tell a rate of their own.
func hitRate(a, b telemetry.Engine) *float64 {
	hits := grown(a, b, telemetry.PrefixCacheHits)
	queries := grown(a, b, telemetry.PrefixCacheQueries)
	if _, offered := b.Values[telemetry.PrefixCacheQueries]; !offered && hits != nil {
		queries = grown(a, b, telemetry.PromptTokens)
	}
	if hits != nil && queries != nil && *queries > 0 {
		return new(min(1, *hits / *queries))
	}
	if v, ok := b.Values[telemetry.HitRate]; ok {
		return &v
	}
	return nil
}

// restarted says whether the server's counters began anew.
func restarted(scrapes []telemetry.Engine) bool { return begun(scrapes) > 0 }

// begun is how often the server's counters began anew from one scrape to the next.
func begun(scrapes []telemetry.Engine) int {
	n := 0
	for i := 1; i < len(scrapes); i++ {
		a, b := scrapes[i-1].Values, scrapes[i].Values
		s, ok := a[telemetry.ProcessStart]
		tokens, offered := b[telemetry.GenerationTokens]
		if ok && b[telemetry.ProcessStart] > s+1 || offered && tokens < a[telemetry.GenerationTokens] {
			n++
		}
	}
	return n
}

func latency(h telemetry.Histogram, mean float64) rundir.ServerLatency {
	l := rundir.ServerLatency{Count: h.Count, Mean: mean}
	if v, width, ok := h.Quantile(0.5); ok {
		l.P50, l.P50Resolution = &v, &width
	}
	if v, width, ok := h.Quantile(0.95); ok {
		l.P95, l.P95Resolution = &v, &width
	}
	return l
}
