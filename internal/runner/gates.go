package runner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/matrix"
)

// discount marks a trial as one that does not count.
func discount(rec *rundir.Trial, cause, reason string) {
	rec.Outcome = rundir.OutcomeInvalid
	rec.Reasons = append(rec.Reasons, reason)
	if !slices.Contains(rec.Causes, cause) {
		rec.Causes = append(rec.Causes, cause)
	}
}

// fail marks a trial that no measurement came of.
func fail(rec *rundir.Trial, cause, reason string) {
	rec.Outcome, rec.Causes = rundir.OutcomeFailed, []string{cause}
	rec.Reasons = append(rec.Reasons, reason)
}

// gate discounts a trial for what was observed beside it and is declared as a
// cause. Nothing else that was observed does.
func (r *run) gate(rec *rundir.Trial) {
	g, t := r.Experiment.Gates, rec.Telemetry
	if t == nil {
		return
	}
	if t.Server != nil && t.Server.RestartedInWindow {
		discount(rec, rundir.CauseRestart, "the server restarted during the trial: its counters began anew")
	}
	if lost, reason := r.lost(rec); lost > g.TelemetryLost {
		discount(rec, rundir.CauseTelemetryLost, reason)
	}
	if t.GPU == nil {
		return
	}
	if took, causes := harmful(t.GPU.Throttled); rec.Window > 0 && took > g.Throttled*rec.Window {
		discount(rec, rundir.CauseThrottled, fmt.Sprintf("throttled for %.1f of %.1f s (%s)", took, rec.Window, causes))
	}
	if g.ForeignProcess && len(t.GPU.Foreign) > 0 {
		p := t.GPU.Foreign[0]
		discount(rec, rundir.CauseForeignProcess, fmt.Sprintf("%s not of the server on its GPUs: process %d held %.2f GiB of GPU %d",
			count(len(t.GPU.Foreign), "process", "processes"), p.PID, float64(p.MemoryBytes)/(1<<30), p.Device))
	}
	if g.GPUError {
		if n := t.GPU.ECCUncorrected; n != nil && *n > 0 {
			discount(rec, rundir.CauseGPUError, fmt.Sprintf("%.0f uncorrected ECC errors", *n))
		}
		if len(t.GPU.Xids) > 0 {
			discount(rec, rundir.CauseGPUError, fmt.Sprintf("the driver reported Xid %s", numbers(t.GPU.Xids)))
		}
	}
}

// harmful is the longest time throttled for a cause that makes a trial
// doubtful, and the causes.
func harmful(throttled map[string]float64) (longest float64, names string) {
	var list []string
	for name, s := range throttled {
		if telemetry.Harmful(name) {
			list = append(list, name)
			longest = max(longest, s)
		}
	}
	slices.Sort(list)
	return longest, strings.Join(list, ", ")
}

// lostReadings is how many readings in a row must be missing to be called lost:
// a short trial has few.
const lostReadings = 3

// lost is the longest time without a reading of GPUs that the run can read, as
// a share of the trial.
func (r *run) lost(rec *rundir.Trial) (share float64, reason string) {
	all := rec.Ended.Sub(rec.Began).Seconds()
	for _, s := range rec.Telemetry.Sources {
		if s.Source != telemetry.SourceGPU || all <= 0 || s.Gap < lostReadings*r.monitor.GPUEvery().Seconds() {
			continue
		}
		reason = fmt.Sprintf("the GPUs could not be read for %.1f of %.1f s", min(s.Gap, all), all)
		if s.Error != "" {
			reason += ": " + s.Error
		}
		return min(1, s.Gap/all), reason
	}
	return 0, ""
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func numbers(list []uint64) string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.FormatUint(n, 10))
	}
	return strings.Join(out, ", ")
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
		r.message("block %d: %s not count: measured again", block[0].Block, count(n, "trial does", "trials do"))
	}
	return n > 0
}

// repeatable says whether a start can be made again: not when its
// configuration is known to fail.
func (r *run) repeatable(s matrix.Start) bool {
	_, hopeless := r.hopeless[s.Configuration]
	return !hopeless && s.Purpose != matrix.PurposeCalibrate
}
