package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// discountedDoubts count the trials that do not count by cause, say how often
// trials were measured again, and show results with and without them.
func (b *build) discountedDoubts(d *doubtList) {
	causes, invalid, again := map[string]int{}, 0, 0
	left, counts := map[string]bool{}, map[string]bool{} // by planned trial
	for _, t := range b.Trials {
		if t.Repeats != "" {
			again++
		}
		planned := cmp.Or(t.Repeats, t.ID)
		if t.Outcome != rundir.OutcomeInvalid {
			counts[planned] = true
			continue
		}
		invalid++
		left[planned] = true
		for _, c := range t.Causes {
			causes[causeWords(c)]++
		}
	}
	if invalid > 0 {
		var parts []string
		for _, c := range slices.Sorted(maps.Keys(causes)) {
			parts = append(parts, fmt.Sprintf("%s (%d)", c, causes[c]))
		}
		args := notice.Args{"n": notice.Count(invalid)}
		if len(parts) > 0 {
			args["causes"] = notice.List(parts...)
		}
		if again > 0 {
			args["again"] = notice.Count(again)
			maps.DeleteFunc(left, func(id string, _ bool) bool { return counts[id] })
			if len(left) > 0 {
				args["left"] = notice.Count(len(left))
			}
		}
		d.add(notice.New("trials-discarded", args))
	}
	b.discountedChanges(d)
}

// causeWords say for what a trial was discarded.
func causeWords(cause string) string {
	switch cause {
	case rundir.CauseClient:
		return "load generator at its limits"
	case rundir.CauseFailures:
		return "too many failed requests"
	case rundir.CauseRestart:
		return "server restarted"
	case rundir.CauseThrottled:
		return "GPU throttled"
	case rundir.CauseForeignProcess:
		return "other process on the GPUs"
	case rundir.CauseGPUError:
		return "GPU error"
	case rundir.CauseTelemetryLost:
		return "GPUs not readable"
	case rundir.CauseImpossible:
		return "impossible figures"
	}
	return strings.ReplaceAll(cause, "_", " ") // of a later version
}

// discountedChanges say what counting the trials that do not count would
// change: each metric that would move beyond the margin, and the most that any
// other would.
func (b *build) discountedChanges(d *doubtList) {
	within, most := 0, 0.0
	var mover analysis.Discounted
	for _, x := range b.Findings.Discounted {
		args := notice.Args{"metric": notice.Text(metric.Short(x.Metric)), "with": notice.Metric(x.Metric, x.With)}
		if x.Without == nil {
			d.about(notice.Result, x.Cell, notice.New("discarded-alone", args))
			continue
		}
		change := math.Abs(x.With / *x.Without - 1)
		if change > b.Findings.Margin {
			args["without"] = notice.Metric(x.Metric, *x.Without)
			d.about(notice.Result, x.Cell, notice.New("discarded-matter", args))
			continue
		}
		if within++; change >= most {
			most, mover = change, x
		}
	}
	if within > 0 {
		d.about(notice.Result, mover.Cell, notice.New("discarded-matter-little", notice.Args{
			"n": notice.Count(within), "change": notice.Fraction(math.Round(1000*most) / 1000), "metric": notice.Text(metric.Short(mover.Metric)),
		}))
	}
}

// cooldownDoubts say what the cool-downs cost and how many were not reached.
func (b *build) cooldownDoubts(d *doubtList) {
	missed, waited := 0, 0
	for _, s := range b.Starts {
		if s.Before != nil && s.Before.Reached != nil {
			waited++
			if !*s.Before.Reached {
				missed++
			}
		}
	}
	if missed > 0 {
		d.add(notice.New("cooldowns-missed", notice.Args{"missed": notice.Count(missed), "waited": notice.Count(waited)}))
	}
}
