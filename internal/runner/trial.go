package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// errServerDied ends a load when its server ends.
var errServerDied = errors.New("the server died under load")

// trial runs one load on a running server and records it. It returns
// errServerDied, after recording, when the server ended meanwhile.
func (l *lane) trial(ctx context.Context, t matrix.Trial, s *launcher.Server, start *rundir.Start) error {
	rec, cfg, err := l.prepare(t, s, start)
	if err != nil {
		return err
	}
	if err := l.step(rundir.Event{Event: rundir.EventTrialBegan, Start: start.ID, Trial: t.ID}); err != nil {
		return err
	}
	recording := l.observe(ctx)
	defer recording.Stop()
	result, dead, loadErr := l.warmAndLoad(ctx, cfg, s, rec, l.generatorOf(t, rec))
	rec.Ended = time.Now()
	if ctx.Err() != nil {
		return ctx.Err() // not recorded: resume repeats it
	}
	if dead != nil && l.Server.Running {
		// Somebody else's server: its outage says nothing of any configuration,
		// and nobody here can start it again. Not recorded: resume repeats it.
		return fmt.Errorf("%w: the endpoint %s no longer answers", ErrEnvironment, s.BaseURL())
	}
	if err := l.observed(ctx, recording, rec, result, dead != nil); err != nil {
		return err
	}
	if result != nil {
		if err := l.fill(rec, result, s); err != nil {
			return err
		}
	}
	if result != nil {
		rec.Warnings = append(rec.Warnings, l.tell(notice.Trial, rec.ID, result.WarmupFailed(loadgen.PhaseWarmup)...)...)
	}
	warnHits(rec, cfg)
	l.judge(rec, result, loadErr, dead, s)
	l.noteDeath(rec, dead)
	if err := l.finish(*rec); err != nil {
		return err
	}
	if dead != nil {
		return dead
	}
	return nil
}

// prepare makes the record and the generator's configuration of a trial.
func (l *lane) prepare(t matrix.Trial, s *launcher.Server, start *rundir.Start) (*rundir.Trial, loadgen.Config, error) {
	cell, ok1 := l.Plan.Cell(t.Cell)
	point, ok2 := l.Plan.LoadPoint(cell.LoadPoint)
	if !ok1 || !ok2 {
		return nil, loadgen.Config{}, fmt.Errorf("plan.json names cell %s, which it does not hold whole", t.Cell)
	}
	load, err := l.loads.named(point.Load)
	if err != nil {
		return nil, loadgen.Config{}, err
	}
	cfg, err := l.config(load, point, t.Seed, s)
	if err != nil {
		return nil, loadgen.Config{}, err
	}
	l.update(func(st *Status) { st.Point = point.Label })
	l.stage(StageMeasuring)
	rec := l.nextTrial(t, cell, start.ID)
	rec.Rate = cfg.Arrivals.Rate
	return rec, cfg, nil
}

// runLoad runs the generator and ends it when the server is no longer fit.
func (l *lane) runLoad(ctx context.Context, cfg loadgen.Config, s *launcher.Server, generate generator) (result *loadgen.Result, dead *death, err error) {
	loadCtx, dog := l.guard(ctx, s)
	cfg.Progress = dog.beside(cfg.Progress)
	err = boundary.Guard("what the load brought back", func() (err error) {
		result, err = generate(loadCtx, cfg)
		return err
	})
	dead = dog.stop(loadCtx)
	if dead == nil && ctx.Err() == nil && failures(result, err) {
		dead = dog.afterFailures(ctx)
	}
	if dead != nil {
		dog.exit(ctx, dead)
	}
	return result, dead, err
}

func failures(res *loadgen.Result, err error) bool {
	return err != nil || slices.ContainsFunc(res.Requests, func(q loadgen.Request) bool { return q.Class != loadgen.ClassOK })
}

// fill copies what the generator measured into the record and writes the raw
// records beside it.
func (l *lane) fill(rec *rundir.Trial, res *loadgen.Result, s *launcher.Server) error {
	conf, _ := l.Plan.Configuration(rec.Configuration)
	sum := loadgen.Summarize(res, loadgen.SummaryOptions{Goodput: goodput(l.Experiment.SLO), GPUs: conf.GPUs, OnProcessors: s.Compute == launcher.ComputeCPU})
	rec.Metrics, rec.Absent, rec.Upper = sum.Metrics, sum.Absent, sum.Upper
	rec.Window = sum.Window.Seconds()
	rec.InputTokens, rec.OutputTokens = sum.InputTokens, sum.OutputTokens
	rec.PromptLength, rec.AnswerLength = lengths(sum.PromptLength), lengths(sum.AnswerLength)
	rec.LoadLabel, rec.TokensPerChunk = sum.Label, sum.TokensPerChunk
	rec.TooFew, rec.Saturated = sum.TooFew, sum.Saturated
	rec.Warnings = append(rec.Warnings, sum.Warnings...)
	rec.Client = ClientFacts(sum.Client)
	l.tellShared(sum.Client, s)
	rec.Requests = map[string]int{}
	for class, n := range sum.Requests {
		rec.Requests[string(class)] = n
	}
	attribute(rec, res)
	dir, err := l.dir.TrialDir(rec.ID)
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.Write(filepath.Join(dir, rundir.RequestsFile),
			func(w io.Writer) error { return loadgen.WriteParquet(w, res) }),
		atomicfile.Write(filepath.Join(dir, rundir.HistogramsFile),
			func(w io.Writer) error { return loadgen.WriteHistograms(w, res) }))
}

// lengths are those of a record, nil for none.
func lengths(l [2]float64) *rundir.Lengths {
	if l[0] <= 0 {
		return nil
	}
	return &rundir.Lengths{Mean: l[0], SD: l[1]}
}

// judge sets the outcome and its reasons.
func (l *lane) judge(rec *rundir.Trial, res *loadgen.Result, loadErr error, dead *death, s *launcher.Server) {
	ok, all := 0, 0
	for class, n := range rec.Requests {
		all += n
		if class == string(loadgen.ClassOK) {
			ok += n
		}
	}
	switch {
	case dead != nil:
		d := diagnose(s, dead)
		fail(rec, rundir.FailedDied, notice.New("server-died", diagnosed(d)))
	case loadErr != nil:
		fail(rec, rundir.FailedLoad, notice.New("load-not-made", notice.Args{"error": notice.Text(loadErr.Error())}))
	case ok == 0:
		cause := rundir.FailedRequests
		if all > 0 && rec.Requests[string(loadgen.ClassHTTP)] == all {
			cause = rundir.FailedRefused
		}
		fail(rec, cause, notice.New("no-success", withError(firstError(res), notice.Args{
			"n": notice.Count(all), "classes": notice.Text(classes(rec.Requests)),
		})))
	case !timed(rec):
		args := notice.Args{"n": notice.Count(ok)}
		if why := rec.Absent["ttft_mean"]; why != "" {
			args["why"] = notice.Text(why)
		}
		fail(rec, rundir.FailedLoad, notice.New("no-latency", args))
	default:
		rec.Outcome = rundir.OutcomeOK
		if float64(all-ok) > l.Experiment.Gates.Failures*float64(all) {
			discount(rec, rundir.CauseFailures, notice.New("too-many-failures", withError(firstError(res), notice.Args{
				"n": notice.Count(all - ok), "all": notice.Count(all), "classes": notice.Text(classes(rec.Requests)),
			})))
		}
		for _, reason := range res.Client.Limits.Advise(res.Invalid, "gates.client: shared") {
			discount(rec, rundir.CauseClient, reason)
		}
		if res.Client.Strained && rec.Source == nil {
			for _, n := range l.spareCore(s) {
				if n.Remedy() != "" {
					rec.Reasons = append(rec.Reasons, n)
				}
			}
		}
		l.gate(rec)
	}
}

// timed reports whether the record holds a latency: a trial without one is no
// measurement, whatever its rates say.
func timed(rec *rundir.Trial) bool {
	for name, v := range rec.Metrics {
		m, err := metric.Parse(name)
		if err == nil && m.Unit == metric.Seconds && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return true
		}
	}
	return false
}

// classes words the failed requests: "timeout 20, http 3".
func classes(requests map[string]int) string {
	var parts []string
	for class, n := range requests {
		if class != string(loadgen.ClassOK) && n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", class, n))
		}
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "none was sent"
	}
	return strings.Join(parts, ", ")
}

// firstError is the first error text of the window, for the reader.
func firstError(res *loadgen.Result) string {
	for _, q := range res.Requests {
		if q.Phase == loadgen.PhaseWindow && q.Error != "" {
			return q.Error
		}
	}
	return ""
}

// failStart records everything that waits for a start as failed for one cause.
func (l *lane) failStart(p matrix.Start, start, cause string, why ...notice.Notice) error {
	if p.Purpose == matrix.PurposeFindRates {
		return l.failUnresolved(start, why)
	}
	return l.without(p, start, rundir.OutcomeFailed, cause, why)
}

// without records the pending trials of a start that has no server. cause is
// that of failed ones.
func (l *lane) without(p matrix.Start, start, outcome, cause string, reasons []notice.Notice) error {
	pending := l.pending(p)
	for _, t := range pending {
		cell, ok := l.Plan.Cell(t.Cell)
		if !ok {
			return fmt.Errorf("plan.json names cell %s, which it does not hold", t.Cell)
		}
		if err := l.unmeasured(t, cell, start, outcome, cause, reasons); err != nil {
			return err
		}
	}
	if conf, ok := l.Plan.Configuration(p.Configuration); ok && planned(start) != p.ID { // its own start has told it
		args := notice.Args{"n": notice.Count(len(pending)), "outcome": notice.Text(outcome)}
		if start != "" {
			args["launch"] = notice.Text(start)
		}
		l.tell(notice.Launch, p.ID+" "+conf.Label, notice.New("trials-without-server", args))
	}
	return nil
}

// unmeasured records a trial that no server was there for.
func (l *lane) unmeasured(t matrix.Trial, cell matrix.Cell, start, outcome, cause string, reasons []notice.Notice) error {
	rec := l.nextTrial(t, cell, start)
	rec.Ended = rec.Began
	rec.Outcome = outcome
	rec.Reasons = reasons
	if cause != "" {
		rec.Causes = []string{cause}
	}
	return l.finish(*rec)
}

// ClientFacts is the load generator's evidence about itself, as it is recorded.
func ClientFacts(c loadgen.Client) *rundir.ClientFacts {
	return &rundir.ClientFacts{
		DispatchLagP50: c.DispatchLagP50.Seconds(), DispatchLagP99: c.DispatchLagP99.Seconds(),
		WriteLagP99: c.WriteLagP99.Seconds(), ReadLagP50: c.ReadLagP50.Seconds(), ReadLagP99: c.ReadLagP99.Seconds(),
		StampSource: c.StampSource,
		OfferedRate: c.OfferedRate, AskedRate: c.AskedRate, CPUShare: c.CPUShare,
		GCPauseMax: c.GCPauseMax.Seconds(), SchedLagP99: c.SchedLagP99.Seconds(),
		MeanInFlight: c.MeanInFlight, PeakInFlight: c.PeakInFlight,
		HandoverLag: c.HandoverLag.Seconds(), Late: c.Late, Resent: c.Resent, Unconnected: c.Unconnected, CPUs: c.CPUs, Merged: c.Merged,
		Coalesced: c.Coalesced, SharedLimits: c.Limits.Shared, SharedBecause: c.Limits.Why,
		OwnLagMean: c.OwnLagMean.Seconds(), OwnLag: c.OwnLag.Seconds(), OwnLagStat: c.OwnLagStat, OwnLagShare: c.OwnLagShare, Others: c.Others,
	}
}
