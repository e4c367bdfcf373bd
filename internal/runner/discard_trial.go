package runner

import (
	"slices"
	"strconv"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// discount marks a trial as one that does not count.
func discount(rec *rundir.Trial, cause string, reason notice.Notice) {
	rec.Outcome = rundir.OutcomeInvalid
	rec.Reasons = append(rec.Reasons, reason)
	if !slices.Contains(rec.Causes, cause) {
		rec.Causes = append(rec.Causes, cause)
	}
}

// fail marks a trial that no measurement came of.
func fail(rec *rundir.Trial, cause string, reasons ...notice.Notice) {
	rec.Outcome, rec.Causes = rundir.OutcomeFailed, []string{cause}
	rec.Reasons = append(rec.Reasons, reasons...)
}

// gate discounts a trial for what was observed beside it and is declared as a
// cause. Nothing else that was observed does.
func (l *lane) gate(rec *rundir.Trial) {
	g, t := l.Experiment.Gates, rec.Telemetry
	if t == nil {
		return
	}
	if t.Server != nil && t.Server.RestartedInWindow {
		discount(rec, rundir.CauseRestart, notice.New("server-restarted", nil))
	}
	if lost, reason := l.lost(rec); lost > g.TelemetryLost {
		discount(rec, rundir.CauseTelemetryLost, reason)
	}
	if t.GPU == nil {
		return
	}
	if took, causes := harmful(t.GPU.Throttled); rec.Window > 0 && took > g.Throttled*rec.Window {
		discount(rec, rundir.CauseThrottled, notice.New("gpu-throttled", notice.Args{
			"time": span(took), "window": span(rec.Window), "causes": notice.List(causes...),
		}))
	}
	if g.ForeignProcess && len(t.GPU.Foreign) > 0 {
		p := t.GPU.Foreign[0]
		discount(rec, rundir.CauseForeignProcess, notice.New("foreign-process", notice.Args{
			"n": notice.Count(len(t.GPU.Foreign)), "pid": notice.Text(strconv.Itoa(p.PID)), "memory": notice.Bytes(p.MemoryBytes), "gpu": notice.Count(p.Device),
		}))
	}
	if g.GPUError {
		if n := t.GPU.ECCUncorrected; n != nil && *n > 0 {
			discount(rec, rundir.CauseGPUError, notice.New("gpu-ecc", notice.Args{"n": notice.Count(int(*n))}))
		}
		if len(t.GPU.Xids) > 0 {
			discount(rec, rundir.CauseGPUError, notice.New("gpu-xid", notice.Args{"xids": notice.List(numbers(t.GPU.Xids)...)}))
		}
	}
}

// harmful is the longest time throttled for a cause that makes a trial
// doubtful, and the causes.
func harmful(throttled map[string]float64) (longest float64, list []string) {
	for name, s := range throttled {
		if telemetry.Harmful(name) {
			list = append(list, name)
			longest = max(longest, s)
		}
	}
	slices.Sort(list)
	return longest, list
}

// lostReadings is how many readings in a row must be missing to be called lost:
// a short trial has few.
const lostReadings = 3

// lost is the longest time without a reading of GPUs that the run can read, as
// a share of the trial.
func (l *lane) lost(rec *rundir.Trial) (share float64, reason notice.Notice) {
	all := rec.Ended.Sub(rec.Began).Seconds()
	for _, s := range rec.Telemetry.Sources {
		if s.Source != telemetry.SourceGPU || all <= 0 || s.Gap < lostReadings*l.monitor.GPUEvery().Seconds() {
			continue
		}
		return min(1, s.Gap/all), notice.New("gpus-unread", withError(s.Error, notice.Args{"gap": span(min(s.Gap, all)), "trial": span(all)}))
	}
	return 0, notice.Notice{}
}

// span is a time in seconds as an argument.
func span(seconds float64) notice.Arg {
	return notice.Span(time.Duration(seconds * float64(time.Second)))
}

// withError adds the words of an error where there are any.
func withError(words string, args notice.Args) notice.Args {
	if words != "" {
		args["error"] = notice.Text(words)
	}
	return args
}

func numbers(list []uint64) []string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.FormatUint(n, 10))
	}
	return out
}
