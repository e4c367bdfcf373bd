package cli

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/notify"
	"github.com/vllm-sweep/sweep/internal/runner"
)

// How long the end of a run waits for the receivers of its notifications: all
// of them together, and once somebody has pressed Ctrl-C.
const (
	notifyWait            = 30 * time.Second
	notifyWaitInterrupted = time.Second
)

// warner sends the warning of a run that begins badly, once, while it goes on.
type warner struct {
	sys     *System
	message notify.Message
	sending sync.WaitGroup
}

func (w *warner) warn(ctx context.Context, e *experiment.Experiment, n notice.Notice) {
	if len(e.Notify) == 0 {
		return
	}
	w.message.Text = "sweep " + e.Name + ": " + n.String()
	w.sending.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, notifyWait)
		defer cancel()
		if err := (notify.Sender{LookupEnv: w.sys.LookupEnv}).Send(ctx, e.Notify, w.message); err != nil {
			w.sys.say("warning: %v", err)
		}
	})
}

// tellEnd sends the notifications at the end of a run. What does not arrive is
// a warning.
func (sys *System) tellEnd(ctx context.Context, e *experiment.Experiment, runID, path string, began time.Time, result runner.Result, runErr error) {
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
	if ctx.Err() == nil { // after Ctrl-C an analysis would hold up the end
		m.Recommendations = recommended(path)
	}
	m.Text = notice.New("run-ended", notice.Args{
		"name": notice.Text(e.Name), "end": notice.Text(m.End), "took": notice.Span(time.Since(began)),
		"ok": notice.Count(m.OK), "planned": notice.Count(m.Planned), "discarded": notice.Count(m.Invalid), "failed": notice.Count(m.Failed),
	}).Text()
	for _, r := range m.Recommendations {
		m.Text += "\n" + r.UseCase + ": " + r.Text
	}
	limit := notifyWait
	if ctx.Err() != nil {
		ctx, limit = context.WithoutCancel(ctx), notifyWaitInterrupted
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := (notify.Sender{LookupEnv: sys.LookupEnv}).Send(ctx, e.Notify, m); err != nil {
		sys.say("warning: %v", err)
	}
}

// recommended are a run's recommendations in a few words; none where it cannot
// be read.
func recommended(path string) []notify.Recommendation {
	res, err := readResults(path)
	if err != nil {
		return nil
	}
	var out []notify.Recommendation
	for _, rec := range res.findings.Recommendations {
		out = append(out, notify.Recommendation{UseCase: rec.UseCase, Text: briefly(rec)})
	}
	return out
}
