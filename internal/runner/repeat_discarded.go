package runner

import (
	"strconv"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// repeats are the trials that are measured again because their records do not
// count. Those records are kept beside the new ones.
type repeats struct {
	most  int             // times that a trial is repeated
	again map[string]bool // by planned trial ID: to be measured again
	kept  map[string]int  // by planned trial ID: records that do not count
}

func newRepeats(most int) repeats { return repeats{most, map[string]bool{}, map[string]int{}} }

// took takes a record.
func (p *repeats) took(t rundir.Trial) {
	id := planned(t.ID)
	delete(p.again, id)
	if t.Outcome == rundir.OutcomeInvalid {
		p.kept[id] = max(p.kept[id]+1, attempt(t.ID))
	}
}

// next is the ID of the next record of a planned trial, and the planned trial
// that it repeats.
func (p *repeats) next(id string) (next, repeated string) {
	if n := p.kept[id]; n > 0 {
		return id + "." + strconv.Itoa(n+1), id
	}
	return id, ""
}

// due reports whether a trial will be repeated, at the end of its round at the
// latest.
func (p *repeats) due(id string, done map[string]rundir.Trial) bool {
	return p.again[id] || done[id].Outcome == rundir.OutcomeInvalid && p.kept[id] <= p.most
}

// requeue puts trials that do not count in line again, and returns how many.
func (p *repeats) requeue(trials []matrix.Trial, done map[string]rundir.Trial) (n int) {
	for _, t := range trials {
		if done[t.ID].Outcome == rundir.OutcomeInvalid && p.kept[t.ID] <= p.most {
			p.again[t.ID] = true
			n++
		}
	}
	return n
}
