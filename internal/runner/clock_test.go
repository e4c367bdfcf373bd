package runner

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

const clocked = `
version: 1
name: clocked
server: {model: m, flags: {max-num-seqs: 64}, simulated: {}}
matrix: {parameters: {max-num-seqs: [64, 8, 16, 32]}}
loads:
  chat: {prompt_tokens: 64, output_tokens: 16, arrivals: {concurrency: [2, 4, 8]}, duration: 10s}
trials: {repeat: 4, warmup: 1s}
gates: {requeue: 1}
cooldown: {at_least: 2s}
use_cases: {speed: {minimize: e2e_p50, load: chat}}
confirm: {starts: 3}
`

// simulated carries a plan out on a clock of its own: launches take three times
// as long as planned, durations vary, and some trials are discarded. It calls
// look after each trial with the time that has passed.
func simulated(t *testing.T, random *rand.Rand, finalists int, look func(time.Duration, Left)) (end time.Duration) {
	t.Helper()
	e, ds := experiment.Parse("test.yaml", []byte(clocked))
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	p, err := matrix.New(e)
	if err != nil {
		t.Fatal(err)
	}
	c, again, done := newClock(p, e), newRepeats(1), map[string]rundir.Trial{}
	var passed time.Duration
	at := func() time.Time { return time.Unix(0, 0).Add(passed) }
	about := func(seconds float64) time.Duration { return duration(seconds * (1 + 0.15*random.NormFloat64())) }
	visit := func(s matrix.Start, again repeats) {
		rec := rundir.Start{ID: s.ID, Outcome: rundir.StartReady, Purpose: s.Purpose, Began: at()}
		passed += about(2)
		for _, trial := range s.Trials {
			if _, ok := done[trial.ID]; ok && !again.again[trial.ID] {
				continue
			}
			cell, _ := c.plan.Cell(trial.Cell)
			r := rundir.Trial{ID: trial.ID, Start: s.ID, LoadPoint: cell.LoadPoint, Began: at()}
			r.Outcome = rundir.OutcomeOK
			passed += about(12)
			if random.Float64() < 0.1 {
				r.Outcome = rundir.OutcomeInvalid
			}
			r.Ended = at()
			done[trial.ID] = r
			again.took(r)
			c.trial(r)
			none := func(string) bool { return false }
			look(passed, c.left(done, func(id string) bool { return again.due(id, done) }, none, 0))
		}
		passed += about(1)
		stopped := at()
		rec.Stopped = &stopped
		c.stopped(rec)
		cooled := about(2.5)
		passed += cooled
		c.cooling.take(cooled)
	}
	carry := func(starts []matrix.Start) {
		for len(starts) > 0 {
			n := 0
			for n < len(starts) && starts[n].Block == starts[0].Block {
				n++
			}
			for _, s := range starts[:n] {
				visit(s, again)
			}
			for _, s := range starts[:n] {
				if again.requeue(s.Trials, done) > 0 {
					visit(s, again)
				}
			}
			passed += about(1)
			starts = starts[n:]
		}
	}
	carry(p.Starts)
	var chosen []matrix.Finalist
	for _, conf := range p.Configurations[:finalists] {
		f := matrix.Finalist{UseCase: "speed", Configuration: conf.ID, LoadPoint: p.LoadPoints[0].ID}
		chosen = append(chosen, f)
	}
	confirmation, err := p.Confirm(e, chosen)
	if err != nil {
		t.Fatal(err)
	}
	c.plan = p.With(confirmation)
	carry(confirmation.Starts)
	return passed + about(1)
}

// At a quarter, half and three quarters of a run, the range contains its end.
func TestTheRangeContainsTheEnd(t *testing.T) {
	hits, all := 0, 0
	for seed := range uint64(40) {
		finalists := 2 + int(seed)%2
		end := simulated(t, rand.New(rand.NewPCG(seed, 1)), finalists, func(time.Duration, Left) {})
		next := 0.25
		simulated(t, rand.New(rand.NewPCG(seed, 1)), finalists, func(passed time.Duration, left Left) {
			if passed.Seconds() < next*end.Seconds() || next > 0.75 {
				return
			}
			next += 0.25
			all++
			if passed+left.Least <= end && end <= passed+left.Most {
				hits++
			}
			if width := left.Most - left.Least; width > end {
				t.Errorf("seed %d: the range is %s wide, and the run takes %s", seed, width, end)
			}
		})
	}
	if all != 120 || hits < 114 {
		t.Errorf("%d of %d ranges contain the end of the run", hits, all)
	}
	t.Logf("%d of %d ranges contain the end of the run", hits, all)
}

// After the last trial the report is left.
func TestTheReportIsLeftAtTheEnd(t *testing.T) {
	var last Left
	end := simulated(t, rand.New(rand.NewPCG(7, 7)), 2, func(_ time.Duration, left Left) { last = left })
	if last.Least == 0 || last.Most > 20*time.Second {
		t.Errorf("after the last trial of %s: %+v", end, last)
	}
}
