package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// ErrChanged is wrapped when a run cannot go on because what it measures was
// edited since it began.
var ErrChanged = errors.New("the run cannot be continued")

// Continuable checks that past can be continued here without mixing two
// experiments or two machines; now says where it would go on. e is the run's
// own copy of the experiment. Differences that may matter, but need not, come
// back as warnings.
func Continuable(past *rundir.Run, e *experiment.Experiment, now rundir.Provenance) (warnings []notice.Notice, err error) {
	began := past.Provenance
	if sum := sha256.Sum256(past.Experiment); hex.EncodeToString(sum[:]) != began.Experiment {
		return nil, fmt.Errorf("%w: %s was edited since the run began; undo that, or begin a new run with it", ErrChanged, past.ExperimentPath())
	}
	p, err := matrix.New(e)
	if err != nil {
		return nil, fmt.Errorf("%w: plan its experiment again: %w", ErrChanged, err)
	}
	same, err := samePlan(p, past.Plan.Screening())
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, fmt.Errorf("%w: its plan is not the one that its experiment yields: plan.json was edited, "+
			"a file of lengths changed, or sweep %s plans otherwise than sweep %s; begin a new run",
			ErrChanged, now.SweepVersion, began.SweepVersion)
	}
	if gpu := func(a, b rundir.GPU) bool { return a.Name == b.Name }; !slices.EqualFunc(began.GPUs, now.GPUs, gpu) {
		return nil, fmt.Errorf("%w: it began on %s and would go on with %s; results of two machines are not mixed: begin a new run",
			ErrEnvironment, gpuNames(began.GPUs), gpuNames(now.GPUs))
	}
	changed, err := sameEnvironment(began.Environment, now.Environment)
	if err != nil {
		return nil, err
	}
	warnings = append(warnings, changed...)
	for _, d := range []struct{ what, then, now string }{
		{"sweep", began.SweepVersion, now.SweepVersion},
		{"GPU driver", began.Driver, now.Driver},
		{"processor", began.CPU, now.CPU},
		{"number of cores", fmt.Sprint(began.Cores), fmt.Sprint(now.Cores)},
		{"kernel", began.Kernel, now.Kernel},
	} {
		if d.then != d.now {
			warnings = append(warnings, notice.New("resumed-elsewhere", notice.Args{
				"what": notice.Text(d.what), "now": notice.Text(d.now), "before": notice.Text(d.then),
			}))
		}
	}
	return warnings, nil
}

// samePlan compares what decides which trials are made on which servers.
func samePlan(a, b *matrix.Plan) (bool, error) {
	var text [2]string
	for i, p := range []*matrix.Plan{a, b} {
		// Both as a file would give them back, where an empty list is no list.
		whole, err := json.Marshal(p)
		if err != nil {
			return false, fmt.Errorf("compare plans: %w", err)
		}
		p = &matrix.Plan{}
		if err := json.Unmarshal(whole, p); err != nil {
			return false, fmt.Errorf("compare plans: %w", err)
		}
		t, err := json.Marshal([]any{p.Configurations, p.LoadPoints, p.Cells, p.Starts, p.SLO, p.UseCases})
		if err != nil {
			return false, fmt.Errorf("compare plans: %w", err)
		}
		text[i] = string(t)
	}
	return text[0] == text[1], nil
}

func gpuNames(gpus []rundir.GPU) string {
	if len(gpus) == 0 {
		return "no GPU"
	}
	var names []string
	for _, g := range gpus {
		names = append(names, g.Name)
	}
	return fmt.Sprintf("%q", names)
}
