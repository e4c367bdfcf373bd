package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// failures groups the starts that failed, or whose server died after it was
// ready, by configuration and cause, in plan order.
func (a *analyser) failures() []Failure {
	type group struct {
		configuration, class string
		afterReady, skipped  bool
	}
	at := map[group]int{}
	var out []Failure
	starts := slices.Clone(a.in.Starts)
	slices.SortStableFunc(starts, func(x, y rundir.Start) int { return x.Began.Compare(y.Began) })
	for _, s := range starts {
		if s.Outcome != rundir.StartFailed && s.Diagnosis == nil {
			continue
		}
		f := Failure{
			Configuration: s.Configuration, Label: s.Label, Class: "unclassified",
			Why:        []notice.Notice{notice.New("no-diagnosis", nil)},
			AfterReady: s.Outcome == rundir.StartReady, Skipped: s.Outcome == rundir.StartSkipped,
		}
		if d := s.Diagnosis; d != nil {
			f.Class, f.Why, f.Remedy = string(d.Class), []notice.Notice{d.Cause}, d.Remedy
		}
		if conf, ok := a.in.Plan.Configuration(s.Configuration); ok {
			f.Label = conf.Label
		}
		g := group{f.Configuration, f.Class, f.AfterReady, f.Skipped}
		i, ok := at[g]
		if !ok {
			i = len(out)
			at[g] = i
			out = append(out, f)
		}
		out[i].Starts = append(out[i].Starts, s.ID)
	}
	out = append(out, a.refusals()...)
	slices.SortStableFunc(out, func(x, y Failure) int {
		return a.planPlace(x.Configuration) - a.planPlace(y.Configuration)
	})
	return out
}

// refusals groups the trials that failed though their server lived.
func (a *analyser) refusals() []Failure {
	at := map[[2]string]int{}
	var out []Failure
	for _, t := range sortedTrials(a.in.Trials) {
		cause := t.FailureCause()
		if t.Outcome != rundir.OutcomeFailed || cause == rundir.FailedStart || cause == rundir.FailedDied {
			continue
		}
		key := [2]string{t.Configuration, cause}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			why := t.Reasons
			if len(why) == 0 {
				why = []notice.Notice{notice.New("no-reason", nil)}
			}
			out = append(out, Failure{
				Configuration: t.Configuration, Label: a.label(t.Configuration), Class: cause, Why: why,
				Starts: []string{},
			})
		}
		out[i].Trials = append(out[i].Trials, t.ID)
	}
	return out
}

// planPlace is a configuration's place in the plan; unknown ones come last.
func (a *analyser) planPlace(id string) int {
	for i, c := range a.in.Plan.Configurations {
		if c.ID == id {
			return i
		}
	}
	return len(a.in.Plan.Configurations)
}
