// Package preflight looks for what cannot work before anything is started:
// flags that the server's version does not have, values that it refuses,
// configurations that contradict themselves, the model or the GPUs, and
// lengths for which the KV cache has no room. What it knows is vLLM's; other
// servers are only counted against the GPUs.
//
// A finding is wrong (a slip of the pen: the file should be fixed),
// impossible (certain to fail: its cells are skipped) or doubtful (said, and
// tried all the same).
package preflight

import (
	"cmp"
	"maps"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/matrix"
)

// Severity says what follows from a finding.
type Severity int

// The severities, the gravest first.
const (
	Wrong Severity = iota
	Impossible
	Doubtful
)

// Finding is one thing found about a configuration.
type Finding struct {
	Severity Severity
	Class    launcher.Class // of the failure that a start would end with
	Flag     string         // that is to blame; "" for none in particular
	Name     bool           // its name is wrong, not its value
	Notice   notice.Notice
}

// Report is what was found about a plan.
type Report struct {
	Facts Facts
	// Findings by configuration ID, in the order of its flags.
	Findings map[string][]Finding
}

// Check examines every configuration of a plan.
func Check(e *experiment.Experiment, p *matrix.Plan, f Facts) *Report {
	f.catalogue = vllmflags.Index(f.release())
	r := &Report{Facts: f, Findings: map[string][]Finding{}}
	if e.Server.Endpoint != nil {
		return r // its flags are a note: nothing is started
	}
	for _, c := range p.Configurations {
		var found []Finding
		if e.Server.Engine == experiment.EngineVLLM {
			found = slices.Concat(f.flags(c.Flags), f.together(c.Flags))
		}
		found = append(found, f.gpus(c)...)
		if e.Server.Engine == experiment.EngineVLLM && !grave(found) {
			found = append(found, f.memory(c)...)
		}
		if len(found) > 0 {
			r.Findings[c.ID] = found
		}
	}
	return r
}

func grave(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity != Doubtful })
}

// Impossible are the configurations that are certain to fail, by ID.
func (r *Report) Impossible() map[string]launcher.Diagnosis {
	out := map[string]launcher.Diagnosis{}
	for id, found := range r.Findings {
		for _, f := range found {
			if f.Severity == Impossible {
				d := launcher.Diagnosis{Class: f.Class, Cause: notice.New("cannot-start", notice.Args{"finding": notice.Said(f.Notice)})}
				if remedy := f.Notice.Remedy(); remedy != "" {
					d.Remedy = notice.Recorded(remedy)
				}
				out[id] = d
				break
			}
		}
	}
	return out
}

// Diagnostics places the findings in the experiment file. Wrong ones are
// errors; impossible ones are too when strict is set or the baseline, which
// every comparison needs, is among them; with strict, doubtful ones are.
func (r *Report) Diagnostics(e *experiment.Experiment, p *matrix.Plan, strict bool) experiment.Diagnostics {
	places := e.FlagPlaces()
	var out []experiment.Diagnostic
	for _, c := range p.Configurations {
		for _, f := range r.Findings[c.ID] {
			d := experiment.Diagnose(experiment.Warning, f.Notice, experiment.Range{File: e.File})
			if f.Severity == Wrong || strict || f.Severity == Impossible && c.Baseline {
				d.Severity = experiment.Error
			}
			if f.Severity == Impossible && d.Severity == experiment.Warning {
				d.Label = cmp.Or(d.Label, "cannot start: skipped")
			}
			if f.Severity == Impossible && c.Baseline {
				d.Label = cmp.Or(d.Label, "the baseline cannot start")
			}
			d.Range = cmp.Or(place(places, c.Flags, f), d.Range)
			if d.Range.Line == 0 || f.Flag == "" {
				d.Configuration, d.Summary = c.Label, c.Label+": "+d.Summary
			}
			out = append(out, d)
		}
	}
	return fewPerPlace(oncePerPlace(experiment.Diagnostics(nil).Add(out...)))
}

// place is where a configuration's flag is named, or has its value.
func place(places []experiment.FlagPlace, flags experiment.Flags, f Finding) experiment.Range {
	set, ok := flags.Get(f.Flag)
	if !ok {
		return experiment.Range{}
	}
	for _, p := range places {
		if p.Flag.Equal(set) {
			if f.Name || p.ValueAt.Line == 0 {
				return p.NameAt
			}
			return p.ValueAt
		}
	}
	return experiment.Range{}
}

// mostPerPlace are the findings shown at one place: in a grid a level may have
// hundreds, each with numbers of its own.
const mostPerPlace = 3

// fewPerPlace drops what goes beyond, and says how much that was. Errors are
// all kept.
func fewPerPlace(ds experiment.Diagnostics) experiment.Diagnostics {
	last, shown, dropped := map[experiment.Range]int{}, map[experiment.Range]int{}, map[experiment.Range]int{}
	var out experiment.Diagnostics
	for _, d := range ds {
		if shown[d.Range]++; shown[d.Range] > mostPerPlace && d.Severity == experiment.Warning {
			dropped[d.Range]++
			continue
		}
		last[d.Range] = len(out)
		out = append(out, d)
	}
	for at, n := range dropped {
		more := say.Count(n, "more configuration has", "more configurations have") + " a problem here"
		if d := &out[last[at]]; d.Help == "" {
			d.Help = more
		} else {
			d.Help += "; " + more
		}
	}
	return out
}

// oncePerPlace keeps one of several findings that say the same of the same
// place, the gravest: an unknown flag concerns every configuration.
func oncePerPlace(ds experiment.Diagnostics) experiment.Diagnostics {
	at := map[experiment.Range][]int{}
	var out experiment.Diagnostics
	for _, d := range ds {
		same := slices.IndexFunc(at[d.Range], func(i int) bool { return out[i].Says(d) })
		if same < 0 {
			at[d.Range] = append(at[d.Range], len(out))
			out = append(out, d)
		} else if i := at[d.Range][same]; out[i].Severity == experiment.Warning && d.Severity == experiment.Error {
			out[i] = d
		}
	}
	return out
}

// Skipped counts the configurations that will be skipped; empty for none.
func (r *Report) Skipped(p *matrix.Plan) []notice.Notice {
	n := len(r.Impossible())
	if n == 0 {
		return nil
	}
	return []notice.Notice{notice.New("configurations-skipped", notice.Args{"n": notice.Count(n), "all": notice.Count(len(p.Configurations))})}
}

// Labels lists the configurations with a finding of that severity.
func (r *Report) Labels(p *matrix.Plan, s Severity) []string {
	labels := map[string]bool{}
	for _, c := range p.Configurations {
		if slices.ContainsFunc(r.Findings[c.ID], func(f Finding) bool { return f.Severity == s }) {
			labels[c.Label] = true
		}
	}
	return slices.Sorted(maps.Keys(labels))
}
