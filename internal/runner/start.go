package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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
func (r *run) start(ctx context.Context, p matrix.Start) error {
	conf, ok := r.Plan.Configuration(p.Configuration)
	if !ok {
		return fmt.Errorf("plan.json names configuration %s, which it does not hold", p.Configuration)
	}
	if v, ok := r.hopeless[conf.ID]; ok && p.Purpose != matrix.PurposeCalibrate {
		return r.skip(ctx, p, conf, v)
	}
	for launch := 0; ; launch++ {
		if launch > 0 && !r.trustworthy(ctx) {
			return r.putOff(ctx, p, true)
		}
		died, err := r.launch(ctx, p, conf)
		if err != nil {
			return err
		}
		if !died || len(r.pending(p)) == 0 && (launch == relaunches || len(r.onceMore(p)) == 0) {
			return nil
		}
		if launch == relaunches {
			return r.failStart(ctx, p, "", rundir.FailedDied, notice.New("server-died-again", notice.Args{"n": notice.Count(launch + 1)}))
		}
	}
}

// launch makes one server start of p. died reports that the server ended by
// itself while it was measured.
func (r *run) launch(ctx context.Context, p matrix.Start, conf matrix.Configuration) (died bool, err error) {
	reached, err := r.cooldown(ctx, p.Block)
	if err != nil {
		return false, err
	}
	rec := r.newRecord(p, conf)
	r.updateStatus(func(s *Status) {
		s.Configuration, s.Point, s.Phase = conf.Label, "", ""
		s.Block, s.Blocks = p.Block, r.Plan.Blocks
		if p.Purpose == matrix.PurposeConfirm {
			s.Configuration = "confirming " + conf.Label
			s.Block, s.Blocks = p.Block-r.Plan.Blocks, r.Plan.ConfirmStage.Starts
		}
	})
	r.stage(StageStarting)
	if err := r.watchNight(rec); err != nil {
		return false, err
	}
	r.noteConditions(rec, reached)
	srv, failure, err := r.up(ctx, rec, conf)
	if err != nil {
		return false, err
	}
	if failure != nil {
		return false, r.failed(ctx, p, rec, failure)
	}
	r.watchServer(srv)
	workErr := r.work(ctx, p, srv, rec)
	r.monitor.Watch("")
	died = errors.Is(workErr, errServerDied)
	var dead *death
	if died {
		errors.As(workErr, &dead)
		workErr = nil
	}
	return died, errors.Join(workErr, r.down(ctx, srv, rec, dead))
}

func (r *run) newRecord(p matrix.Start, conf matrix.Configuration) *rundir.Start {
	r.attempts[p.ID]++
	id := p.ID
	if n := r.attempts[p.ID]; n > 1 {
		id += "." + strconv.Itoa(n)
	}
	return &rundir.Start{
		ID: id, Block: p.Block, Configuration: conf.ID, Label: conf.Label, Purpose: p.Purpose,
		GPUs: r.own, Backend: r.Backend.Name(), Flags: conf.Flags, Outcome: rundir.StartLaunching, Began: time.Now(),
	}
}

// planned is the planned ID of a start or a trial, without the number of the
// attempt.
func planned(id string) string {
	id, _, _ = strings.Cut(id, ".")
	return id
}

// attempt is the number of the attempt in an ID. Records are numbered on from
// the largest, not from how many there are: one may have been damaged.
func attempt(id string) int {
	_, number, again := strings.Cut(id, ".")
	if !again {
		return 1
	}
	n, _ := strconv.Atoi(number) // an ID that is not ours counts for nothing
	return n
}

// up launches the server. A failure of the configuration comes back as a
// Failure; an error ends the run.
func (r *run) up(ctx context.Context, rec *rundir.Start, conf matrix.Configuration) (*launcher.Server, *launcher.Failure, error) {
	if err := r.dir.WriteStart(*rec); err != nil {
		return nil, nil, err
	}
	if err := r.dir.Journal.Append(rundir.Event{Event: rundir.EventStartBegan, Start: rec.ID, Detail: conf.Label}); err != nil {
		return nil, nil, err
	}
	dir, err := r.dir.StartDir(rec.ID)
	if err != nil {
		return nil, nil, err
	}
	srv := r.Experiment.Server
	spec := launcher.Spec{
		RunID: r.runID, RunDir: r.dir.Path, StartID: rec.ID, Model: srv.Model, ModelName: srv.ModelName,
		Args: conf.Flags.Args(srv.FlagStyle), Env: r.env, Secrets: r.secrets, APIKey: r.apiKey, TLS: r.material.tls,
		LogPath: filepath.Join(dir, "server.log"), ReadyTimeout: srv.ReadyTimeout, StopTimeout: srv.StopTimeout,
		GPUs: r.ownGPUs(), Engine: engine(srv), Asked: asked(srv, conf.Flags), SilenceTimeout: srv.SilenceTimeout,
	}
	spec.Compute, _ = compute(srv, r.ownEnv)
	r.level, _, _ = r.memory(time.Time{})
	s, failure, err := r.persist(ctx, rec, spec)
	if s == nil || err != nil {
		return nil, failure, err
	}
	return s, nil, r.ready(s, rec)
}

// ready records a server that is up.
func (r *run) ready(s *launcher.Server, rec *rundir.Start) error {
	rec.Outcome = rundir.StartReady
	r.started[rec.Configuration] = true
	rec.Command, rec.Facts = s.Handle.Command(), s.Handle.Facts()
	rec.Ready, rec.Phases, rec.Identity, rec.Logged = s.ReadyAfter, s.Phases, &s.Identity, &s.Logged
	rec.Effective, rec.Compute = s.Effective, s.Compute
	r.tellRefused(s.Effective)
	r.message("%s %s: ready after %s%s", rec.ID, rec.Label, say.Duration(s.ReadyAfter), phaseTimes(s.Phases))
	err := errors.Join(
		r.sameServer(rec),
		r.dir.WriteStart(*rec),
		r.dir.Journal.Append(rundir.Event{Event: rundir.EventStartReady, Start: rec.ID, Facts: rec.Facts}))
	if err != nil {
		release, stopErr := s.Stop(context.Background())
		setRelease(rec, release)
		return errors.Join(err, stopErr, r.dir.WriteStart(*rec))
	}
	return nil
}

// tellRefused says once in a run that the server could not answer for its own
// configuration.
func (r *run) tellRefused(e *launcher.Effective) {
	if e == nil || e.Refused == "" {
		return
	}
	r.told.refused.Do(func() {
		n := notice.New("configuration-not-told", notice.Args{"error": notice.Text(e.Refused)})
		r.Observer.Message("warning: "+n.String(), n)
	})
}

// sameServer refuses to mix results of two servers: a tag can move, and an
// installation can be upgraded, between two starts or two sessions of one run.
func (r *run) sameServer(rec *rundir.Start) error {
	now := map[string]string{factImageDigest: rec.Facts[factImageDigest], factVersion: rec.Identity.Version}
	if now[factImageDigest] == "" { // an image built here has no digest of a registry
		now[factImageDigest] = rec.Facts[factImageID]
	}
	changed := false
	for _, fact := range []string{factImageDigest, factVersion} {
		switch known := r.provenance.Backend[fact]; {
		case now[fact] == "" || now[fact] == known:
		case known == "":
			r.provenance.Backend[fact], changed = now[fact], true
		default:
			return fmt.Errorf("%w: the server's %s is now %s; this run measured %s, and results of two servers are not mixed: "+
				"bring the former back or begin a new run", ErrEnvironment, strings.ReplaceAll(fact, "_", " "), now[fact], known)
		}
	}
	if !changed {
		return nil
	}
	return r.dir.WriteProvenance(r.provenance)
}

// Keys of launch facts and of the provenance's backend facts.
const (
	factImageDigest = "image_digest"
	factImageID     = "image_id"
	factVersion     = "server_version"
)

// failed records a start that did not become ready, with its trials.
func (r *run) failed(ctx context.Context, p matrix.Start, rec *rundir.Start, f *launcher.Failure) error {
	d := f.Diagnosis
	rec.Outcome, rec.Diagnosis = rundir.StartFailed, &d
	rec.Command, rec.Facts, rec.Phases = f.Command, f.Facts, f.Phases
	rec.Logged, rec.Effective, rec.Compute = &f.Logged, f.Effective, f.Compute
	if f.Release != nil {
		setRelease(rec, *f.Release)
	} else {
		rec.Released = true // nothing was launched
	}
	n := notice.New("did-not-start", diagnosed(d)).On(notice.Launch, rec.ID)
	r.Observer.Message(fmt.Sprintf("%s %s: did not start: %s: %s", rec.ID, rec.Label, d.Class, d.Cause.Text()), n)
	if r.certain(rec.Configuration, d) {
		r.giveUp(rec.Configuration, verdict{start: rec.ID, diagnosis: d})
	}
	err := errors.Join(
		r.dir.WriteStart(*rec),
		r.dir.Journal.Append(rundir.Event{Event: rundir.EventStartFailed, Start: rec.ID, Detail: string(d.Class) + ": " + d.Cause.Text()}))
	if err != nil {
		return err
	}
	if err := r.failStart(ctx, p, rec.ID, rundir.FailedStart, notice.New("did-not-start", diagnosed(d))); err != nil {
		return err
	}
	if f.Release != nil {
		if err := errors.Join(r.gone(ctx, rec, *f.Release), r.released(ctx, rec)); err != nil {
			return err
		}
	}
	r.cooling = rec
	return nil
}

// diagnosed are the arguments of a notice about a diagnosis.
func diagnosed(d launcher.Diagnosis) notice.Args {
	return notice.Args{"class": notice.Text(string(d.Class)), "cause": notice.Said(d.Cause)}
}

// gone makes sure that no server of this run is left before the next start. One
// that cannot be removed would share its GPUs with all that follow, so it ends
// the run.
func (r *run) gone(ctx context.Context, rec *rundir.Start, rel launcher.Release) error {
	if rel.Gone || rel.LeftOn {
		return nil
	}
	if len(r.own) > 0 {
		return goneAlone(rec.ID, rel.Problem)
	}
	removed, err := r.Backend.Clean(context.WithoutCancel(ctx), r.runID)
	if err != nil {
		return fmt.Errorf("%w: the server of %s cannot be removed (%s), and sweep measures nothing next to it: %w",
			ErrEnvironment, rec.ID, rel.Problem, err)
	}
	r.message("warning: %s: removed what its stop had left: %v", rec.ID, removed)
	return nil
}

// work runs the pending trials of a start, or its calibration.
func (r *run) work(ctx context.Context, p matrix.Start, s *launcher.Server, rec *rundir.Start) error {
	if p.Purpose == matrix.PurposeCalibrate {
		return r.calibrate(ctx, s, rec)
	}
	trials := append(r.pending(p), r.onceMore(p)...)
	refused, err := r.probe(ctx, r.loadsOf(trials), s, rec)
	if err == nil {
		err = r.refuse(ctx, p, rec, refused)
	}
	if err != nil {
		return err
	}
	for _, t := range trials {
		if point, _ := r.pointOf(t); refused[point.Load] != "" {
			continue
		}
		if s.Died() != nil {
			return died(notice.New("server-gone", nil)) // between two trials: the next has not begun
		}
		if reasons := r.outrun(p, t); reasons != nil {
			if err := r.pass(ctx, t, rec.ID, reasons); err != nil {
				return err
			}
			continue
		}
		if err := r.trial(ctx, t, s, rec); err != nil {
			return err
		}
		r.stage(StageExporting)
		r.afterTrial(ctx)
	}
	return nil
}

// down stops the server, dead or alive, and proves the release. It works also
// after ctx ended.
func (r *run) down(ctx context.Context, s *launcher.Server, rec *rundir.Start, dead *death) error {
	r.stage(StageStopping)
	if s.Died() != nil && dead == nil {
		dead = died(notice.New("server-gone", nil))
	}
	if dead != nil {
		diagnose(s, dead) // before its end is made: the log says how it came to it
	}
	var release launcher.Release
	var stopErr error
	r.blocking(func() { release, stopErr = s.Stop(ctx) })
	if dead != nil {
		rec.Diagnosis = dead.diagnosis
	}
	stopped := time.Now()
	rec.Stopped = &stopped
	setRelease(rec, release)
	r.clock.start(rec.Ready + release.StopTook + release.PortTook)
	if stopErr != nil {
		args := notice.Args{"problem": notice.Text(release.Problem)}
		n := notice.New("stop-problem", args)
		if !rec.Released {
			n = notice.New("release-not-proved", args)
		}
		rec.Warnings = append(rec.Warnings, r.tell(notice.Launch, rec.ID, n)...)
	}
	r.cooling = rec
	err := errors.Join(
		r.dir.WriteStart(*rec),
		r.dir.Journal.Append(rundir.Event{Event: rundir.EventStartStopped, Start: rec.ID, Detail: release.Problem}),
		r.gone(ctx, rec, release))
	if err == nil && !release.LeftOn {
		err = r.released(ctx, rec)
	}
	return err
}

func setRelease(rec *rundir.Start, rel launcher.Release) {
	rec.StopTook = rel.StopTook + rel.PortTook
	rec.Released = rel.Gone && rel.PortFree || rel.LeftOn
}

func numbered(items []string) map[string]string {
	out := map[string]string{}
	for i, s := range items {
		out[strconv.Itoa(i+1)] = s
	}
	return out
}
