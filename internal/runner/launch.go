package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// relaunches is how often a planned start is launched again after its server
// died under load: for the trials that were still to come, and once more for
// the one under which it died.
const relaunches = 1

// start carries one planned start out: cool-down, launch, trials, stop.
func (l *lane) start(ctx context.Context, p matrix.Start) error {
	conf, ok := l.Plan.Configuration(p.Configuration)
	if !ok {
		return fmt.Errorf("plan.json names configuration %s, which it does not hold", p.Configuration)
	}
	if v, ok := l.hopelessFor(conf.ID); ok && p.Purpose != matrix.PurposeFindRates {
		return l.skip(p, conf, v)
	}
	for launch := 0; ; launch++ {
		if launch > 0 && !l.trustworthy(ctx) {
			return l.putOff(p, true)
		}
		died, err := l.launch(ctx, p, conf)
		if err != nil {
			return err
		}
		if !died || len(l.pending(p)) == 0 && (launch == relaunches || len(l.onceMore(p)) == 0) {
			return nil
		}
		if launch == relaunches {
			return l.failStart(p, "", rundir.FailedDied, notice.New("server-died-again", notice.Args{"n": notice.Count(launch + 1)}))
		}
	}
}

// launch makes one server start of p. died reports that the server ended by
// itself while it was measured.
func (l *lane) launch(ctx context.Context, p matrix.Start, conf matrix.Configuration) (died bool, err error) {
	reached, err := l.cooldown(ctx, p.Block)
	if err != nil {
		return false, err
	}
	rec := l.newRecord(p, conf)
	l.update(func(s *Status) {
		s.Configuration, s.Point, s.Phase = conf.Label, "", ""
		s.Block, s.Blocks, s.Confirming = l.Plan.Round(p.Block)
	})
	l.stage(StageStarting)
	if err := l.watchNight(rec); err != nil {
		return false, err
	}
	l.noteConditions(ctx, rec, reached)
	srv, failure, err := l.up(ctx, rec, conf)
	if err != nil {
		return false, err
	}
	if failure != nil {
		return false, l.failed(ctx, p, rec, failure)
	}
	l.watchServer(srv)
	workErr := l.work(ctx, p, srv, rec)
	l.monitor.Watch("")
	died = errors.Is(workErr, errServerDied)
	var dead *death
	if died {
		errors.As(workErr, &dead)
		workErr = nil
	}
	return died, errors.Join(workErr, l.down(ctx, srv, rec, dead))
}

func (l *lane) newRecord(p matrix.Start, conf matrix.Configuration) *rundir.Start {
	return &rundir.Start{
		ID: l.nextLaunch(p.ID), Block: p.Block, Configuration: conf.ID, Label: conf.Label, Purpose: p.Purpose,
		GPUs: l.own, Backend: l.Server.Backend.Name(), Flags: conf.Flags, Outcome: rundir.StartLaunching,
		Began: time.Now(),
	}
}

// up launches the server. A failure of the configuration comes back as a
// Failure; an error ends the run.
func (l *lane) up(ctx context.Context, rec *rundir.Start, conf matrix.Configuration) (*launcher.Server, *launcher.Failure, error) {
	if err := l.stepStart(rundir.EventStartBegan, rec, conf.Label); err != nil {
		return nil, nil, err
	}
	dir, err := l.dir.StartDir(rec.ID)
	if err != nil {
		return nil, nil, err
	}
	srv := l.Experiment.Server
	spec := launcher.Spec{
		RunID: l.runID, RunDir: l.dir.Path, StartID: rec.ID, Model: srv.Model, ModelName: srv.ModelName,
		Args: conf.Flags.Args(srv.FlagStyle), Env: l.Server.Env, Secrets: l.loads.secrets, APIKey: l.Server.APIKey,
		TLS:     l.Server.TLS,
		LogPath: filepath.Join(dir, rundir.ServerLogFile), ReadyTimeout: srv.ReadyTimeout, StopTimeout: srv.StopTimeout,
		GPUs: l.ownGPUs(), Engine: l.Server.Engine, Asked: l.asked(conf.Flags), SilenceTimeout: srv.SilenceTimeout,
	}
	spec.Compute, _ = l.Server.Compute()
	l.level, _, _ = l.memory(time.Time{})
	s, failure, err := l.persist(ctx, rec, spec)
	if s == nil || err != nil {
		return nil, failure, err
	}
	return s, nil, l.ready(s, rec)
}

// asked are the flags that a configuration sets, by name. Those of a server that
// runs already are a note: nobody gave them to it.
func (l *lane) asked(flags experiment.Flags) map[string]string {
	if l.Server.Running {
		return nil
	}
	out := map[string]string{}
	for _, f := range flags {
		if f.Kind != experiment.FlagUnset {
			out[f.Name] = f.Value
		}
	}
	return out
}

// ready records a server that is up.
func (l *lane) ready(s *launcher.Server, rec *rundir.Start) error {
	rec.Outcome = rundir.StartReady
	l.locked(func() { l.prune.ready[rec.Configuration] = true })
	rec.Command, rec.Facts = s.Handle.Command(), s.Handle.Facts()
	rec.Ready, rec.Phases, rec.Identity, rec.Logged = s.ReadyAfter, recordPhases(s.Phases),
		(*rundir.Identity)(&s.Identity), recordLogged(s.Logged)
	rec.Effective, rec.Compute = recordEffective(s.Effective), s.Compute
	l.tellRefused(s.Effective)
	l.message("%s: ready after %s%s", rec.Label, say.Duration(s.ReadyAfter), phaseTimes(s.Phases))
	err := errors.Join(
		l.origin.same(rec),
		l.dir.WriteStart(*rec),
		l.step(rundir.Event{Event: rundir.EventStartReady, Start: rec.ID, Facts: rec.Facts}))
	if err != nil {
		release, stopErr := s.Stop(context.Background())
		setRelease(rec, release)
		return errors.Join(err, stopErr, l.dir.WriteStart(*rec))
	}
	return nil
}

// failed records a start that did not become ready, with its trials.
func (l *lane) failed(ctx context.Context, p matrix.Start, rec *rundir.Start, f *launcher.Failure) error {
	d := f.Diagnosis
	rec.Outcome, rec.Diagnosis = rundir.StartFailed, recordDiagnosis(d)
	rec.Command, rec.Facts, rec.Phases = f.Command, f.Facts, recordPhases(f.Phases)
	rec.Logged, rec.Effective, rec.Compute = recordLogged(f.Logged), recordEffective(f.Effective), f.Compute
	if f.Release != nil {
		setRelease(rec, *f.Release)
	} else {
		rec.Released = true // nothing was launched
	}
	n := notice.New("did-not-start", diagnosed(d)).On(notice.Launch, rec.ID)
	text := fmt.Sprintf("%s: did not start (%s): %s (launch %s)", rec.Label, d.Class, d.Cause.Text(), rec.ID)
	l.Observer.Message(text, n)
	l.locked(func() { l.prune.failed(l.Plan.Configurations, rec.Configuration, rec.ID, d) })
	if err := l.stepStart(rundir.EventStartFailed, rec, "", n); err != nil {
		return err
	}
	err := l.failStart(p, rec.ID, rundir.FailedStart, notice.New("did-not-start", diagnosed(d)))
	if f.Release != nil {
		err = errors.Join(err, l.gone(ctx, rec, *f.Release), l.released(ctx, rec))
	}
	l.cooling = rec
	return err
}

// diagnosed are the arguments of a notice about a diagnosis.
func diagnosed(d launcher.Diagnosis) notice.Args {
	return notice.Args{"class": notice.Text(string(d.Class)), "cause": notice.Said(d.Cause)}
}

// gone makes sure that no server of this run is left before the next start. One
// that cannot be removed would share its GPUs with all that follow, so it ends
// the run.
func (l *lane) gone(ctx context.Context, rec *rundir.Start, rel launcher.Release) error {
	if rel.Gone || rel.LeftOn {
		return nil
	}
	if len(l.own) > 0 {
		return goneAlone(rec.ID, rel.Problem)
	}
	removed, err := l.Server.Backend.Clean(context.WithoutCancel(ctx), l.runID)
	if err != nil {
		return fmt.Errorf("%w: the server of %s cannot be removed (%s), and sweep measures nothing next to it: %w",
			ErrEnvironment, rec.ID, rel.Problem, err)
	}
	l.tell(notice.Launch, rec.ID, notice.New("stop-leftovers", notice.Args{"removed": notice.List(removed...)}))
	return nil
}

// work runs the pending trials of a start, or finds the rates of sweep loads.
func (l *lane) work(ctx context.Context, p matrix.Start, s *launcher.Server, rec *rundir.Start) error {
	if p.Purpose == matrix.PurposeFindRates {
		return l.findAllRates(ctx, s, rec)
	}
	trials := append(l.pending(p), l.onceMore(p)...)
	refused, err := l.probe(ctx, l.loadsOf(trials), s, rec)
	if err == nil {
		err = l.refuse(p, rec, refused)
	}
	if err != nil {
		return err
	}
	for _, t := range trials {
		if point, _ := l.pointOf(t); refused[point.Load] != "" {
			continue
		}
		if s.Died() != nil {
			return died(notice.New("server-gone", nil)) // between two trials: the next has not begun
		}
		if reasons := l.outrun(p, t); reasons != nil {
			if err := l.pass(t, rec.ID, reasons); err != nil {
				return err
			}
			continue
		}
		if err := l.trial(ctx, t, s, rec); err != nil {
			return err
		}
	}
	return nil
}

// down stops the server, dead or alive, and proves the release. It works also
// after ctx ended.
func (l *lane) down(ctx context.Context, s *launcher.Server, rec *rundir.Start, dead *death) error {
	l.stage(StageStopping)
	if s.Died() != nil && dead == nil {
		dead = died(notice.New("server-gone", nil))
	}
	if dead != nil {
		diagnose(s, dead) // before its end is made: the log says how it came to it
	}
	release, stopErr := s.Stop(ctx)
	if dead != nil {
		rec.Diagnosis = recordDiagnosis(*dead.diagnosis)
	}
	stopped := time.Now()
	rec.Stopped = &stopped
	setRelease(rec, release)
	l.locked(func() { l.clock.stopped(*rec) })
	if stopErr != nil {
		args := notice.Args{"problem": notice.Text(release.Problem)}
		n := notice.New("stop-problem", args)
		if !rec.Released {
			n = notice.New("release-not-proved", args)
		}
		rec.Warnings = append(rec.Warnings, l.tell(notice.Launch, rec.ID, n)...)
	}
	l.cooling = rec
	err := errors.Join(
		l.stepStart(rundir.EventStartStopped, rec, release.Problem),
		l.gone(ctx, rec, release))
	if err == nil && !release.LeftOn {
		err = l.released(ctx, rec)
	}
	return err
}

func setRelease(rec *rundir.Start, rel launcher.Release) {
	rec.StopTook = rel.StopTook + rel.PortTook
	rec.Released = rel.Gone && rel.PortFree || rel.LeftOn
}

// goneAlone is what gone may do beside other lanes, whose servers a general
// clean-up would end too.
func goneAlone(id, problem string) error {
	return fmt.Errorf("%w: the server of %s cannot be removed (%s); others run next to it, so the run ends here and cleans up when it is resumed",
		ErrEnvironment, id, problem)
}

// skip records the trials of a configuration that is not started (again).
func (l *lane) skip(p matrix.Start, conf matrix.Configuration, v verdict) error {
	if !v.skipped {
		return l.failStart(p, v.start, rundir.FailedStart, notice.New("not-launched-again", diagnosed(v.diagnosis)))
	}
	if v.start == "" { // the first of its starts tells why
		rec := l.newRecord(p, conf)
		rec.Outcome, rec.Diagnosis, rec.Released = rundir.StartSkipped, recordDiagnosis(v.diagnosis), true
		stopped := time.Now()
		rec.Stopped = &stopped
		if err := l.stepStart(rundir.EventStartSkipped, rec, "", v.diagnosis.Cause); err != nil {
			return err
		}
		l.message("%s: skipped: %s", rec.Label, v.diagnosis.Cause.Text())
		v.start = rec.ID
		l.locked(func() { l.prune.hopeless[conf.ID] = v })
	}
	return l.without(p, v.start, rundir.OutcomeSkipped, "", []notice.Notice{notice.New("launch-skipped", diagnosed(v.diagnosis))})
}
