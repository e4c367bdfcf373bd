package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// method is how the numbers came about, with the run's own settings.
type method struct {
	Confidence string
	Margin     string
	Blocks     int
	Sequential bool
	OpenLoop   bool
	ClosedLoop bool
	Precision  []precision // for the metrics that the experiment asks about
	Absent     []string    // metrics that no cell has, such as percentiles below their floor
}

// precision is the smallest change that would be found at a load point.
type precision struct{ Point, Metric, SD, Alone, Corrected string }

func (b *build) method() method {
	confidence, margin := b.Findings.Confidence, b.Findings.Margin
	if confidence == 0 {
		confidence = analysis.DefaultConfidence
	}
	if margin == 0 {
		margin = analysis.DefaultMargin
	}
	m := method{
		Confidence: say.Percent(confidence),
		Margin:     say.Percent(margin),
		Blocks:     b.Plan.Blocks,
		Sequential: b.Plan.Order == experiment.Sequential,
	}
	for _, l := range b.Plan.LoadPoints {
		open := l.Kind.OpenLoop() || l.Kind == experiment.Sweep
		m.OpenLoop, m.ClosedLoop = m.OpenLoop || open, m.ClosedLoop || !open
	}
	for _, p := range b.Findings.Precision {
		if !slices.Contains(b.metrics[:max(b.asked, min(2, len(b.metrics)))], p.Metric) {
			continue
		}
		label := p.LoadPoint
		if l, ok := b.Plan.LoadPoint(p.LoadPoint); ok {
			label = l.Label
		}
		share := func(v float64) string { return say.Percent(v) }
		m.Precision = append(m.Precision, precision{label, metric.Short(p.Metric), share(p.SD), share(p.Alone), share(p.Corrected)})
	}
	for _, a := range b.absentMetrics() {
		if !b.anyCellHas(a.Name) {
			m.Absent = append(m.Absent, a.Name)
		}
	}
	return m
}

func (b *build) provenance() []fact {
	var out []fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, fact{name, value})
		}
	}
	if p := b.Provenance; p != nil {
		add("run", p.RunID)
		add("began", stamp(p.Began))
		add("sweep", p.SweepVersion)
		add("experiment file", p.ExperimentFile)
		add("experiment file, SHA-256", p.Experiment)
		add("host", p.Host)
		add("operating system", joinNonEmpty(", ", p.OS, p.Kernel))
		add("processor", processor(p))
		if p.MemoryBytes > 0 {
			add("memory", say.Bytes(float64(p.MemoryBytes)))
		}
		add("GPUs", gpusText(p.GPUs))
		add("driver", p.Driver)
		for _, k := range slices.Sorted(maps.Keys(p.Backend)) {
			add(k, p.Backend[k])
		}
		out = append(out, importedFacts(p.Imported)...)
	}
	add("model", b.Plan.Model)
	add("server", b.servers())
	add("seed", fmt.Sprint(b.Plan.Seed))
	add("seeds of the trials", b.seeds())
	return out
}

func gpusText(gpus []rundir.GPU) string {
	var parts []string
	for _, g := range gpus {
		text := fmt.Sprintf("%d: %s", g.Index, g.Name)
		if g.MemoryBytes > 0 {
			text += " (" + say.Bytes(float64(g.MemoryBytes)) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// servers are the identities that the servers proved before load.
func (b *build) servers() string {
	var seen []string
	for _, s := range b.Starts {
		if s.Identity == nil {
			continue
		}
		text := s.Identity.Model
		if s.Identity.Version != "" {
			text += ", vLLM " + s.Identity.Version
		}
		if !slices.Contains(seen, text) {
			seen = append(seen, text)
		}
	}
	return strings.Join(seen, "; ")
}

// seeds lists the seeds of prompts and arrivals by block.
func (b *build) seeds() string {
	byBlock := map[int][]string{}
	for _, s := range b.Plan.Starts {
		for _, t := range s.Trials {
			seed := fmt.Sprint(t.Seed)
			if s.Purpose != matrix.PurposeFindRates && !slices.Contains(byBlock[t.Block], seed) {
				byBlock[t.Block] = append(byBlock[t.Block], seed)
			}
		}
	}
	var parts []string
	for _, block := range slices.Sorted(maps.Keys(byBlock)) {
		parts = append(parts, matrix.RoundText(b.Plan.Round(block))+": "+strings.Join(byBlock[block], ", "))
	}
	return strings.Join(parts, "; ")
}

func joinNonEmpty(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}

// reproduce is what one needs to run it all again.
type reproduce struct {
	Commands       []Command
	File           string
	Experiment     string
	Configurations []configView
}

type configView struct {
	ID, Label string
	Flags     string
	Command   string // as started; empty when it never was
	Logged    string // sizes that the server's log told
}

func (b *build) reproduce() reproduce {
	r := reproduce{Commands: b.Commands, File: rundir.ExperimentFile}
	if b.Experiment != nil {
		r.Experiment = strings.ToValidUTF8(string(b.Experiment.Raw), "\uFFFD")
	}
	if len(r.Commands) == 0 {
		r.Commands = []Command{{"sweep run " + r.File, "run the experiment again, with the same seeds"}}
	}
	for _, c := range b.Plan.Configurations {
		v := configView{ID: c.ID, Label: c.Label, Flags: b.Plan.CommandLine(c.Flags)}
		for _, s := range b.Starts {
			if s.Configuration != c.ID {
				continue
			}
			if v.Command == "" {
				v.Command = say.Shell(s.Command)
			}
			if v.Logged == "" && s.Logged != nil {
				v.Logged = loggedText(*s.Logged)
			}
		}
		r.Configurations = append(r.Configurations, v)
	}
	return r
}

// loggedText is what a server's log told about its size.
func loggedText(l rundir.Logged) string {
	var parts []string
	if l.KVCacheTokens > 0 {
		parts = append(parts, "KV cache of "+say.Number(float64(l.KVCacheTokens))+" tokens")
	}
	if l.KVCacheGiB > 0 {
		parts = append(parts, say.Bytes(l.KVCacheGiB*(1<<30))+" for it")
	}
	if l.MaxConcurrency > 0 {
		parts = append(parts, say.Number(l.MaxConcurrency)+" requests of the maximum length")
	}
	if l.ModelGiB > 0 {
		parts = append(parts, say.Bytes(l.ModelGiB*(1<<30))+" of weights")
	}
	return strings.Join(parts, ", ")
}
