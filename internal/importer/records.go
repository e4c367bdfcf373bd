package importer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// records writes starts and trials, and the journal that says they are all.
func (im *Import) records(dir *rundir.Dir, plan *matrix.Plan, placed []matrix.Trial, starts []string) error {
	if err := dir.Journal.Append(rundir.Event{Event: rundir.EventRunStarted, Detail: "imported"}); err != nil {
		return err
	}
	for _, s := range plan.Starts {
		conf, _ := plan.Configuration(s.Configuration)
		rec := rundir.Start{
			ID: s.ID, Block: s.Block, Configuration: conf.ID, Label: conf.Label, Purpose: s.Purpose,
			Backend: matrix.BackendImported, Flags: conf.Flags, Outcome: rundir.StartReady,
		}
		for i, r := range im.results {
			if starts[i] == s.ID && (rec.Began.IsZero() || r.Began.Before(rec.Began)) {
				rec.Began = r.Began
			}
		}
		if err := dir.WriteStart(rec); err != nil {
			return err
		}
	}
	dated := im.dated()
	for i := range im.results {
		rec := im.results[i].record(plan, placed[i], starts[i])
		if dated {
			rec.Order = i + 1
		}
		if err := im.results[i].move(dir, rec.ID); err != nil {
			return err
		}
		if err := dir.WriteTrial(rec); err != nil {
			return err
		}
	}
	return dir.Journal.Append(rundir.Event{Event: rundir.EventRunFinished})
}

// move brings the stored requests of a result into its trial's folder.
func (r *Result) move(dir *rundir.Dir, id string) error {
	to, err := dir.TrialDir(id)
	if err != nil || r.spilled == "" {
		return err
	}
	return errors.Join(
		os.Rename(r.spilled+".parquet", filepath.Join(to, rundir.RequestsFile)),
		os.Rename(r.spilled+".hlog", filepath.Join(to, rundir.HistogramsFile)))
}

func (r *Result) record(plan *matrix.Plan, t matrix.Trial, start string) rundir.Trial {
	cell, _ := plan.Cell(t.Cell)
	rec := rundir.Trial{
		ID: t.ID, Cell: cell.ID, Configuration: cell.Configuration, LoadPoint: cell.LoadPoint, Start: start, Block: t.Block,
		Began: r.Began, Ended: r.Ended,
	}
	if r.Load.open() {
		rec.Rate = r.Load.Value
	}
	r.Fill(&rec)
	return rec
}

// Fill puts what the tool measured into a trial's record, with outcome and
// reasons.
func (r *Result) Fill(rec *rundir.Trial) {
	rec.Metrics, rec.Absent = r.Metrics, r.Absent
	rec.Requests, rec.InputTokens, rec.OutputTokens, rec.Window = r.Requests, r.InputTokens, r.OutputTokens, r.Window
	rec.PromptLength, rec.AnswerLength = lengths(r.promptLength), lengths(r.answerLength)
	rec.LoadLabel, rec.TooFew, rec.TokensPerChunk = label(r.Load), r.TooFew, r.TokensPerChunk
	rec.Warnings = append(rec.Warnings, r.Warnings...)
	rec.Source = &rundir.Source{
		Tool: r.Tool, Version: r.ToolVersion, Format: r.Format, File: r.File, Place: r.Place, Clock: r.Clock, Ends: r.Ends(), Recomputed: r.Recomputed(), Metadata: r.Metadata,
	}
	ok, known := r.Requests[string(loadgen.ClassOK)]
	switch {
	case known && ok == 0:
		rec.Outcome = rundir.OutcomeFailed
		all := 0
		for _, n := range r.Requests {
			all += n
		}
		rec.Reasons = []notice.Notice{notice.New("no-success", notice.Args{"n": notice.Count(all)})}
		rec.Causes = []string{rundir.FailedRequests}
	case len(r.Invalid) > 0:
		rec.Outcome, rec.Reasons = rundir.OutcomeInvalid, slices.Clone(r.Invalid)
	case len(r.Metrics) == 0:
		rec.Outcome, rec.Reasons = rundir.OutcomeInvalid, []notice.Notice{notice.New("no-metric", nil)}
	default:
		rec.Outcome = rundir.OutcomeOK
	}
}

// lengths are those of a record, nil for none.
func lengths(l [2]float64) *rundir.Lengths {
	if l[0] <= 0 {
		return nil
	}
	return &rundir.Lengths{Mean: l[0], SD: l[1]}
}
