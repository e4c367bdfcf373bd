package main

import (
	"context"
	"errors"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/notify"
	"github.com/vllm-sweep/sweep/internal/runner"
)

// tellEnd sends the notifications at the end of a run. What does not arrive is
// a warning.
func (sys *System) tellEnd(e *experiment.Experiment, runID, path string, began time.Time, result runner.Result, runErr error) {
	if len(e.Notify) == 0 {
		return
	}
	m := notify.Message{
		RunID: runID, Name: e.Name, End: experiment.NotifyFinished, RunDirectory: path, Took: time.Since(began).Seconds(),
		Planned: result.Planned, OK: result.OK, Invalid: result.Invalid, Failed: result.Failed,
	}
	switch {
	case errors.Is(runErr, runner.ErrInterrupted):
		m.End = experiment.NotifyInterrupted
	case runErr != nil:
		m.End, m.Error = experiment.NotifyFailed, runErr.Error()
	}
	if res, err := readResults(path); err == nil {
		for _, rec := range res.findings.Recommendations {
			m.Recommendations = append(m.Recommendations, notify.Recommendation{UseCase: rec.UseCase, Text: briefly(rec)})
		}
	}
	m.Text = notice.New("run-ended", notice.Args{
		"name": notice.Text(e.Name), "end": notice.Text(m.End), "took": notice.Span(time.Since(began)),
		"ok": notice.Count(m.OK), "planned": notice.Count(m.Planned), "discarded": notice.Count(m.Invalid), "failed": notice.Count(m.Failed),
	}).Text()
	for _, r := range m.Recommendations {
		m.Text += "\n" + r.UseCase + ": " + r.Text
	}
	// Not the run's context: that may be what ended it.
	if err := (notify.Sender{LookupEnv: sys.LookupEnv}).Send(context.Background(), e.Notify, m); err != nil {
		sys.say("warning: %v", err)
	}
}
