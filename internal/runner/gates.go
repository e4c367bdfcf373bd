package runner

import (
	"slices"
	"strconv"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/matrix"
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
func (r *run) gate(rec *rundir.Trial) {
	g, t := r.Experiment.Gates, rec.Telemetry
	if t == nil {
		return
	}
	if t.Server != nil && t.Server.RestartedInWindow {
		discount(rec, rundir.CauseRestart, notice.New("server-restarted", nil))
	}
	if lost, reason := r.lost(rec); lost > g.TelemetryLost {
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
func (r *run) lost(rec *rundir.Trial) (share float64, reason notice.Notice) {
	all := rec.Ended.Sub(rec.Began).Seconds()
	for _, s := range rec.Telemetry.Sources {
		if s.Source != telemetry.SourceGPU || all <= 0 || s.Gap < lostReadings*r.monitor.GPUEvery().Seconds() {
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

// took takes a trial's record as the latest of its planned trial.
func (r *run) took(t rundir.Trial) {
	id := planned(t.ID)
	r.done[id] = t
	delete(r.again, id)
	if t.Outcome == rundir.OutcomeInvalid {
		r.kept[id] = max(r.kept[id]+1, attempt(t.ID))
	}
}

// repetition is the ID of the next record of a planned trial, and the planned
// trial that it repeats: records that do not count are kept beside it.
func (r *run) repetition(id string) (next, repeats string) {
	if n := r.kept[id]; n > 0 {
		return id + "." + strconv.Itoa(n+1), id
	}
	return id, ""
}

// requeue puts the trials of a block that do not count in line again, as often
// as is declared, and reports whether there are any.
func (r *run) requeue(block []matrix.Start) bool {
	n := 0
	for _, s := range block {
		for _, t := range s.Trials {
			if r.done[t.ID].Outcome == rundir.OutcomeInvalid && r.kept[t.ID] <= r.Experiment.Gates.Requeue && r.repeatable(s) {
				r.again[t.ID] = true
				n++
			}
		}
	}
	if n > 0 {
		r.message("round %d: repeating %s", block[0].Block, say.Count(n, "discarded trial"))
	}
	return n > 0
}

// repeatable says whether a start can be made again: not when its
// configuration is known to fail.
func (r *run) repeatable(s matrix.Start) bool {
	_, hopeless := r.hopeless[s.Configuration]
	return !hopeless && s.Purpose != matrix.PurposeCalibrate
}
