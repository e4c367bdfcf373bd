package matrix

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// Words of a plan that was made of what other tools measured.
const (
	BackendImported  = "imported"
	StrategyImported = "imported"
	OrderUnknown     = "unknown" // when what ran, and after which start, is not known
)

// Observation is one load run of another tool, to be placed in a plan.
type Observation struct {
	Label string           // name of the server configuration; "" where its flags say it, or nothing does
	Flags experiment.Flags // of the server, as far as known
	Image string           // of the server's container; "": not known
	GPUs  int              // 0: not known
	Load  string
	Kind  experiment.ArrivalKind
	Value float64
	Cap   int    // most requests in flight of an open loop
	Note  string // what else sets the load point apart
	// Start names the launch of a server: runs with the same name shared it.
	// "": not known, and then all of a configuration are taken to have shared one.
	Start string
}

// Imported makes the plan that observations, in the order of time, would have
// come from. baseline is the configuration that the others are compared with, by
// label, ID or some of its flags ("max-num-seqs=64"); "": none, unless there is
// only one. placed holds the planned
// trial of each observation, starts the ID of its start.
func Imported(name, model, baseline string, all []Observation) (p *Plan, placed []Trial, starts []string, err error) {
	p = &Plan{Name: name, Model: model, Backend: BackendImported, Strategy: StrategyImported, Order: OrderUnknown, Parameters: []string{}}
	m := importer{plan: p, model: model, repeats: map[string]int{}, starts: map[string]int{}, derived: map[string]bool{}}
	m.parameters(all)
	for _, o := range all {
		placed = append(placed, m.place(o))
		starts = append(starts, p.Starts[m.last].ID)
	}
	if err := m.setBaseline(baseline); err != nil {
		return nil, nil, nil, err
	}
	p.Blocks = 0
	for _, n := range m.repeats {
		p.Blocks = max(p.Blocks, n)
	}
	p.Estimate = Estimate{Starts: len(p.Starts), Trials: len(all)}
	return p, placed, starts, p.checkUnique()
}

// importer builds the plan.
type importer struct {
	plan    *Plan
	model   string
	repeats map[string]int  // trials of a cell so far
	starts  map[string]int  // index in the plan by name
	derived map[string]bool // configurations whose name was made of their flags
	last    int             // start of the last trial
}

// parameters are the flags that differ between observations.
func (m *importer) parameters(all []Observation) {
	for _, o := range all {
		for _, f := range o.Flags {
			differs := slices.ContainsFunc(all, func(x Observation) bool { return !get(x.Flags, f.Name).Equal(f) })
			if differs && !slices.Contains(m.plan.Parameters, f.Name) {
				m.plan.Parameters = append(m.plan.Parameters, f.Name)
			}
		}
	}
}

func (m *importer) place(o Observation) Trial {
	c, l := m.configuration(o), m.loadPoint(o)
	cell := Cell{ID: cellID(c.ID, l.ID), Configuration: c.ID, LoadPoint: l.ID}
	if _, ok := m.plan.Cell(cell.ID); !ok {
		m.plan.Cells = append(m.plan.Cells, cell)
	}
	m.repeats[cell.ID]++
	key := c.ID + "\x00" + o.Start
	i, ok := m.starts[key]
	if !ok {
		i = len(m.plan.Starts)
		m.starts[key] = i
		m.plan.Starts = append(m.plan.Starts, Start{
			ID: fmt.Sprintf("s%02d-%s", i+1, compact(c.ID)), Block: m.repeats[cell.ID], Configuration: c.ID, Purpose: PurposeMeasure,
		})
	}
	m.last = i
	n := 1
	for _, s := range m.plan.Starts {
		n += len(s.Trials)
	}
	t := Trial{ID: fmt.Sprintf("t%03d-%s", n, compact(cell.ID)), Cell: cell.ID, Block: m.repeats[cell.ID]}
	m.plan.Starts[i].Trials = append(m.plan.Starts[i].Trials, t)
	return t
}

func (m *importer) configuration(o Observation) Configuration {
	id := shortID("c", digest("imported configuration", m.model, o.Image, o.Label, sortedFlags(o.Flags)))
	if c, ok := m.plan.Configuration(id); ok {
		return c
	}
	c := Configuration{ID: id, Label: o.Label, Flags: o.Flags, GPUs: o.GPUs}
	if c.Flags == nil {
		c.Flags = experiment.Flags{}
	}
	if c.Label == "" {
		var parts []string
		for _, f := range o.Flags {
			if slices.Contains(m.plan.Parameters, f.Name) {
				parts = append(parts, f.String())
			}
		}
		c.Label = strings.Join(parts, " ")
		m.derived[id] = c.Label != ""
	}
	if c.Label == "" && len(o.Flags) > 0 {
		c.Label = label(o.Flags)
	}
	if c.Label == "" {
		c.Label = "unknown configuration"
	}
	m.plan.Configurations = append(m.plan.Configurations, c)
	return c
}

func (m *importer) loadPoint(o Observation) LoadPoint {
	id := shortID("l", digest("imported load point", o.Load, o.Kind, o.Value, o.Cap, o.Note))
	if l, ok := m.plan.LoadPoint(id); ok {
		return l
	}
	value := strconv.FormatFloat(o.Value, 'g', -1, 64)
	text := pointLabel(experiment.Load{Arrivals: experiment.Arrivals{Kind: o.Kind}}, o.Value)
	switch {
	case o.Kind == "unknown" && o.Value > 0:
		text = value + "/s"
	case o.Kind == "unknown":
		text = "load unknown"
	case o.Kind == experiment.Throughput && o.Value == 0:
		text = "throughput"
	}
	if o.Cap > 0 {
		text += fmt.Sprintf(" cap %d", o.Cap)
	}
	if o.Note != "" {
		text += " (" + o.Note + ")"
	}
	l := LoadPoint{ID: id, Label: o.Load + " " + text, Load: o.Load, Kind: o.Kind, Value: o.Value, MaxConcurrency: o.Cap}
	m.plan.LoadPoints = append(m.plan.LoadPoints, l)
	return l
}

// setBaseline marks the configuration that is meant and puts it first. Names
// that were made of flags then say what differs from it.
func (m *importer) setBaseline(want string) error {
	confs := m.plan.Configurations
	if want == "" && len(confs) != 1 {
		return nil
	}
	i, err := m.find(want)
	if err != nil {
		return err
	}
	confs[i].Baseline = true
	base := confs[i]
	for j := range confs {
		confs[j].Changed = nil
		for _, name := range m.plan.Parameters {
			if f := get(confs[j].Flags, name); !f.Equal(get(base.Flags, name)) {
				confs[j].Changed = append(confs[j].Changed, f)
			}
		}
		if m.derived[confs[j].ID] && len(confs) > 1 {
			confs[j].Label = label(confs[j].Changed)
		}
	}
	base.Label = confs[i].Label
	m.plan.Configurations = append([]Configuration{base}, slices.Delete(confs, i, i+1)...)
	return nil
}

// find is the place of the one configuration that is meant.
func (m *importer) find(want string) (int, error) {
	confs := m.plan.Configurations
	var hits []int
	var labels []string
	for i, c := range confs {
		labels = append(labels, c.Label)
		if want == "" || c.Label == want || c.ID == want {
			return i, nil
		}
		all := true
		for word := range strings.FieldsSeq(want) {
			name, value, ok := strings.Cut(word, "=")
			f, has := c.Flags.Get(name)
			all = all && ok && has && (f.Value == value || f.Equal(experiment.Flag{Name: name, Value: value, Kind: f.Kind}))
		}
		if all {
			hits = append(hits, i)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return 0, fmt.Errorf("no configuration %q for the baseline: want one of %s", want, strings.Join(labels, "; "))
	default:
		return 0, fmt.Errorf("%d configurations have %s: add more of the baseline's flags", len(hits), want)
	}
}
