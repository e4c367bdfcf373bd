package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// session is one run as this process carries it out: what is to be done, what is
// done, and what was learned on the way. Its lanes share it.
//
// What does not change while lanes work stands above the lock. What does is
// behind it, and held for the time of a map access only, never across a file, the
// network, or an observer.
type session struct {
	Options
	dir    *rundir.Dir
	runID  string // of labels and of the prompts' salt
	loads  *loads
	worked time.Duration // on the run in earlier sessions
	opened time.Time     // this session
	origin *origin
	told   notices

	mu         sync.Mutex
	done       map[string]rundir.Trial // by planned trial ID: the latest record
	launches   map[string]int          // by planned start ID, so far
	order      int                     // of the last trial
	rates      map[string]rundir.Rates // of sweep loads, by load name
	prune      pruner
	repeats    repeats
	deaths     deaths
	losses     losses
	probed     refusals
	conditions conditions
	clock      *clock
}

// notices are messages that a run shows once, however many starts run side by side.
type notices struct {
	shared  sync.Once // client and server share the machine
	refused sync.Once // the server failed when it was asked for its configuration
}

func newSession(o Options) (*session, error) {
	r := &session{
		Options: o, dir: o.Dir,
		done: map[string]rundir.Trial{}, launches: map[string]int{}, rates: map[string]rundir.Rates{},
		prune:   newPruner(o.Experiment.Matrix.Prune, o.Server.Engine),
		repeats: newRepeats(o.Experiment.Gates.Requeue), deaths: deaths{},
		losses: newLosses(o.Experiment.AbortWhen),
		probed: newRefusals(), conditions: newConditions(),
	}
	if r.Observer == nil {
		r.Observer = silent{}
	}
	var err error
	if r.loads, err = newLoads(o.Experiment, o.Server, o.LookupEnv); err != nil {
		return nil, err
	}
	if err := r.recover(); err != nil {
		return nil, err
	}
	r.loads.salt, r.loads.ratesOf = r.runID, r.ratesOf
	return r, nil
}

// recover takes up what an earlier session of this run left.
func (r *session) recover() error {
	past, err := rundir.Read(r.dir.Path)
	if err != nil {
		return err
	}
	r.origin = newOrigin(r.dir, past.Provenance)
	// The directory may have been moved since; what the run left behind still
	// carries the name that it began with.
	r.runID = cmp.Or(past.Provenance.RunID, r.dir.RunID())
	for _, t := range past.Trials { // by order: the last repetition stays
		if !r.RetryFailed || t.Outcome != rundir.OutcomeFailed {
			r.took(t)
			r.recall(t)
		}
		r.order = max(r.order, t.Order)
	}
	for _, s := range past.Starts {
		r.launches[planned(s.ID)] = max(r.launches[planned(s.ID)], attempt(s.ID))
		r.conditions.refer(s)
		if !r.RetryFailed && s.Outcome == rundir.StartFailed && s.Diagnosis != nil {
			r.prune.failed(r.Plan.Configurations, s.Configuration, s.ID, recordedDiagnosis(s.Diagnosis))
		}
		r.prune.remember(s, r.RetryFailed)
	}
	r.recallLosses(past)
	r.clock = newClock(r.Plan, r.Experiment)
	r.clock.take(past)
	r.worked, r.opened = past.Worked(), time.Now()
	for _, e := range past.Events {
		for load, rates := range e.Rates {
			r.rates[load] = rates
		}
	}
	r.prune.skip(r.Impossible)
	for _, n := range past.Warnings {
		r.Observer.Message("warning: "+n.String(), n)
	}
	return nil
}

// recallLosses counts the trials of earlier sessions that did not count.
func (r *session) recallLosses(past *rundir.Run) {
	for _, s := range past.Starts {
		r.losses.diagnosed(s)
	}
	var aborted time.Time
	for _, e := range past.Events {
		switch e.Event {
		case rundir.EventRunAborted:
			aborted = e.Time
		case rundir.EventRunStartsBadly:
			r.losses.warned = true
		}
	}
	counted := false
	for _, t := range past.Trials {
		if !counted && t.Ended.After(aborted) {
			counted = true
			r.losses.aborted()
		}
		r.losses.took(t)
	}
	if !counted || r.RetryFailed {
		r.losses.aborted()
	}
}

// begin opens the session in the journal, and removes what an earlier one left.
func (r *session) begin(ctx context.Context) error {
	event := rundir.Event{Event: rundir.EventRunStarted}
	if len(r.dir.Events) > 0 {
		event.Event = rundir.EventRunResumed
		removed, err := r.Server.Backend.Clean(ctx, r.runID)
		if err != nil {
			return fmt.Errorf("%w: remove what the earlier session left: %w", ErrEnvironment, err)
		}
		if len(removed) > 0 {
			r.announce(notice.New("earlier-session-cleaned", notice.Args{"removed": notice.List(removed...)}))
			if err := r.step(rundir.Event{Event: rundir.EventOrphans, Facts: numbered(removed)}); err != nil {
				return err
			}
		}
	}
	r.tellProgress()
	return r.step(event)
}

// step writes a step into the journal.
func (r *session) step(e rundir.Event) error { return r.dir.Journal.Append(e) }

// stepStart records a start as it is now, and then what happened to it: in other
// words, or in notices, of which zero values are left out.
func (r *session) stepStart(event string, rec *rundir.Start, detail string, said ...notice.Notice) error {
	r.locked(func() { r.losses.diagnosed(*rec) })
	if err := r.dir.WriteStart(*rec); err != nil {
		return err
	}
	said = slices.DeleteFunc(said, func(n notice.Notice) bool { return n.Code == "" })
	return r.step(rundir.Event{Event: event, Start: rec.ID, Detail: detail, Notices: said})
}

// finish records a trial; from then on resume does not repeat it.
func (r *session) finish(t rundir.Trial) error {
	if err := r.dir.WriteTrial(t); err != nil {
		return err
	}
	r.took(t)
	if r.TrialDone != nil {
		r.TrialDone(t)
	}
	if t.Ended.After(t.Began) { // of trials without a server the start has told
		r.tellTrial(t)
	}
	e := rundir.Event{Event: rundir.EventTrialFinished, Start: t.Start, Trial: t.ID, Detail: t.Outcome}
	if err := r.step(e); err != nil {
		return err
	}
	return r.heed(t)
}

// heed looks whether too many trials do not count: it warns of that at the
// beginning of a run, and ends the run where abort_when says so.
func (r *session) heed(t rundir.Trial) error {
	r.mu.Lock()
	r.clock.trial(t)
	r.losses.took(t)
	warning, warn := r.losses.warning()
	why, abort := r.losses.abort()
	r.mu.Unlock()
	if warn {
		r.announce(warning)
		if r.Warned != nil {
			r.Warned(warning)
		}
		e := rundir.Event{Event: rundir.EventRunStartsBadly, Notices: []notice.Notice{warning}}
		if err := r.step(e); err != nil {
			return err
		}
	}
	if abort {
		return fmt.Errorf("%w: %w", ErrAborted, &notice.Error{Notice: why})
	}
	return nil
}

// took takes a trial's record as the latest of its planned trial.
func (r *session) took(t rundir.Trial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[planned(t.ID)] = t
	r.repeats.took(t)
}

// locked is for what a lane reads or changes of the session: a map or a policy,
// nothing that takes time.
func (r *session) locked(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// nextTrial begins the record of a planned trial.
func (r *session) nextTrial(t matrix.Trial, cell matrix.Cell, start string) *rundir.Trial {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order++
	id, again := r.repeats.next(t.ID)
	return &rundir.Trial{
		ID: id, Repeats: again, Cell: cell.ID, Configuration: cell.Configuration, LoadPoint: cell.LoadPoint,
		Start: start, Block: t.Block, Order: r.order, Seed: t.Seed, Began: time.Now(),
	}
}

// nextLaunch is the ID of the next launch of a planned start.
func (r *session) nextLaunch(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.launches[id]++
	if n := r.launches[id]; n > 1 {
		return id + "." + strconv.Itoa(n)
	}
	return id
}

// pending lists the trials of a start that are not finished. The search for rates is
// pending while a trial waits for the rates of its load.
func (r *session) pending(s matrix.Start) []matrix.Trial {
	if s.Purpose == matrix.PurposeFindRates {
		if len(r.unresolved()) > 0 {
			return []matrix.Trial{{}}
		}
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []matrix.Trial
	for _, t := range s.Trials {
		if _, ok := r.done[t.ID]; !ok || r.repeats.again[t.ID] {
			out = append(out, t)
		}
	}
	return out
}

// onceMore are the trials of a start under which its server died, each of which
// is measured once more: a death may have had a cause that has passed. They come
// last, so that one that kills every server costs the others nothing.
func (r *session) onceMore(p matrix.Start) []matrix.Trial {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.Trials), func(t matrix.Trial) bool {
		_, fatal := r.deaths[t.ID]
		return !fatal || r.done[t.ID].Outcome != rundir.OutcomeFailed
	})
}

// requeue puts the trials of a round that do not count in line again, as often
// as is declared, and reports whether there are any.
func (r *session) requeue(round []matrix.Start) bool {
	r.mu.Lock()
	n := 0
	for _, s := range round {
		// Not where the configuration is known to fail.
		if _, hopeless := r.prune.hopeless[s.Configuration]; !hopeless && s.Purpose != matrix.PurposeFindRates {
			n += r.repeats.requeue(s.Trials, r.done)
		}
	}
	r.mu.Unlock()
	if n > 0 {
		number, _, confirming := r.Plan.Round(round[0].Block)
		name := "round"
		if confirming {
			name = "confirmation"
		}
		r.announce(notice.New("repeating-discarded", notice.Args{name: notice.Count(number), "n": notice.Count(n)}))
	}
	return n > 0
}

// ease sets what the waits of the next round are multiplied by, in the adaptive
// mode.
func (r *session) ease(round int) {
	if !r.Experiment.Cooldown.Adaptive {
		return
	}
	r.mu.Lock()
	was := r.conditions.easing
	last, drift := r.conditions.ease(round, r.baselines(), r.done)
	now := r.conditions.easing
	r.mu.Unlock()
	if now != was {
		r.announce(notice.New("cooldown-factor", notice.Args{
			"round": notice.Count(last), "drift": notice.Fraction(drift), "factor": notice.Number(now),
		}))
	}
}

// baselines are the IDs of the baseline configurations.
func (r *session) baselines() map[string]bool {
	out := map[string]bool{}
	for _, c := range r.Plan.Configurations {
		if c.Baseline {
			out[c.ID] = true
		}
	}
	return out
}

// hopelessFor is why a configuration is not started (again); false: it is.
func (r *session) hopelessFor(configuration string) (verdict, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, given := r.prune.hopeless[configuration]
	return v, given
}

// ratesOf are the ends of a sweep load, once they were found.
func (r *session) ratesOf(load string) (rundir.Rates, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rates, ok := r.rates[load]
	return rates, ok
}

// exportRound exports the results so far, between two rounds, when nothing is
// measured. A failure to do so is shown and the run goes on, because the records
// are safe.
func (r *session) exportRound(ctx context.Context) {
	if r.RoundDone == nil || ctx.Err() != nil {
		return
	}
	began := time.Now()
	defer func() { r.locked(func() { r.clock.export.take(time.Since(began)) }) }()
	if err := r.RoundDone(ctx); err != nil {
		r.announce(notice.New("report-not-written", notice.Args{"error": notice.Text(err.Error())}))
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

func numbered(items []string) map[string]string {
	out := map[string]string{}
	for i, s := range items {
		out[strconv.Itoa(i+1)] = s
	}
	return out
}

// closing ends the session in the journal, and says how it ended.
func (r *session) closing(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return r.step(rundir.Event{Event: rundir.EventRunFinished})
	case ctx.Err() != nil:
		return errors.Join(fmt.Errorf("%w: %w", ErrInterrupted, err), r.step(rundir.Event{Event: rundir.EventRunInterrupted}))
	case errors.Is(err, ErrAborted):
		var why *notice.Error
		errors.As(err, &why)
		r.announce(why.Notice)
		e := rundir.Event{Event: rundir.EventRunAborted, Notices: []notice.Notice{why.Notice}}
		return errors.Join(err, r.step(e))
	}
	err = storage(r.dir.Path, err)
	return errors.Join(err, r.step(rundir.Event{Event: rundir.EventRunInterrupted, Detail: err.Error()}))
}
