package analysis

import (
	"slices"
	"strconv"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/matrix"
)

// runChecks looks at configurations against each other.
func (a *analyser) runChecks() []Check {
	out := append(a.checkLengths(), a.confounded()...)
	return append(out, a.identical()...)
}

// confounded names configurations that differ from every other one in two
// flags or more: whatever they do, it cannot be said which flag did it.
func (a *analyser) confounded() []Check {
	var out []Check
	d := a.design()
	settings := d.measured()
	for i, x := range d.runs {
		var nearest matrix.Configuration
		var least []int
		for j, y := range d.runs {
			if c := stats.Changed(settings[j], settings[i], 9); len(c) > 0 && (least == nil || len(c) < len(least)) {
				nearest, least = y, c
			}
			if len(least) == 1 {
				break
			}
		}
		if len(least) < 2 {
			continue
		}
		var words []string
		for _, f := range least {
			words = append(words, flagOf(x, d.factors[f]).String())
		}
		out = append(out, Check{Configuration: x.ID, Notice: notice.New("confounded", notice.Args{
			"configuration": notice.Text(x.Label), "nearest": notice.Text(nearest.Label), "flags": notice.List(words...),
		}).On(notice.Configuration, x.ID)})
	}
	return out
}

// identical names pairs of configurations whose figures are the same to the
// last digit: the flag had no effect because it was not applied, or one result
// was copied. And pairs that must differ in their KV cache and do not.
func (a *analyser) identical() []Check {
	var out []Check
	prints := map[string]string{} // figures of a trial → configuration
	said := map[string]bool{}
	for i := range a.findings.Cells {
		for _, t := range a.trials[i] {
			p := fingerprint(t)
			if p == "" {
				continue
			}
			p = a.findings.Cells[i].LoadPoint + p
			other, ok := prints[p]
			prints[p] = t.Configuration
			if ok && other != t.Configuration && !said[other+t.Configuration] {
				said[other+t.Configuration] = true
				out = append(out, Check{Cell: t.Cell, Configuration: t.Configuration, Notice: notice.New("identical", notice.Args{
					"one": notice.Text(a.label(other)), "other": notice.Text(a.label(t.Configuration)),
				}).On(notice.Trial, t.ID)})
			}
		}
	}
	return append(out, a.identicalCaches()...)
}

// identicalCaches compares the KV cache sizes that the servers' logs told.
func (a *analyser) identicalCaches() []Check {
	tokens := map[string]int64{}
	for _, s := range a.in.Starts {
		if s.Logged != nil && s.Logged.KVCacheTokens > 0 {
			tokens[s.Configuration] = s.Logged.KVCacheTokens
		}
	}
	var out []Check
	if len(tokens) < 2 {
		return nil
	}
	d := a.design()
	settings := d.measured()
	for i, x := range d.runs {
		for j, y := range d.runs[:i] {
			if tokens[x.ID] == 0 || tokens[x.ID] != tokens[y.ID] {
				continue
			}
			if c := stats.Changed(settings[j], settings[i], 2); len(c) == 1 &&
				vllmflags.Means(d.factors[c[0]]).MovesCache {
				out = append(out, Check{
					Configuration: x.ID, Evidence: map[string]float64{"kv_cache_tokens": float64(tokens[x.ID])},
					Notice: notice.New("identical-cache", notice.Args{
						"one": notice.Text(y.Label), "other": notice.Text(x.Label),
						"tokens": notice.Count(tokens[x.ID]), "flag": notice.Text(d.factors[c[0]]),
					}).On(notice.Configuration, x.ID),
				})
			}
		}
	}
	return out
}

func (a *analyser) label(id string) string {
	if c, ok := a.in.Plan.Configuration(id); ok {
		return c.Label
	}
	return id
}

// fingerprint is a trial's measured figures as text, or "" where they are too
// few to be the same by more than chance.
func fingerprint(t rundir.Trial) string {
	var names []string
	for m, v := range t.Metrics {
		if p, err := metric.Parse(m); err == nil && v > 0 && p.Unit == metric.Seconds {
			names = append(names, m)
		}
	}
	if len(names) < 3 {
		return ""
	}
	slices.Sort(names)
	text := ""
	for _, m := range names {
		text += " " + m + "=" + strconv.FormatFloat(t.Metrics[m], 'g', -1, 64)
	}
	return text
}
