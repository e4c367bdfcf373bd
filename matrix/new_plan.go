package matrix

import (
	"fmt"

	"github.com/vllm-sweep/sweep/experiment"
)

// maxCells bounds a plan. More would run for weeks, and the eight hex digits
// of an ID would no longer tell its cells apart reliably.
const maxCells = 10_000

// New expands an experiment into its plan. The same experiment always gives
// the same plan.
func New(e *experiment.Experiment) (*Plan, error) {
	p := &Plan{
		Name:     e.Name,
		Model:    e.Server.Model,
		Backend:  e.Server.Backend(),
		Strategy: e.Matrix.Strategy,
		Order:    e.Trials.Order,
		Seed:     e.Trials.Seed,
		Blocks:   e.Trials.Repeat,
		PerStart: perStartOf(e),
		SLO:      e.SLO,
		UseCases: e.UseCases,
	}
	if e.Server.Engine != experiment.EngineVLLM {
		p.Engine = e.Server.Engine
	}
	if e.Server.FlagStyle != experiment.FlagsHyphens {
		p.FlagStyle = e.Server.FlagStyle
	}
	p.Parameters = parameterNames(e.Matrix)
	if err := p.expand(e); err != nil {
		return nil, err
	}
	for _, l := range e.Loads {
		p.LoadPoints = append(p.LoadPoints, loadPoints(l)...)
	}
	if n := len(p.Configurations) * len(p.LoadPoints); n > maxCells {
		return nil, fmt.Errorf("%d configurations at %d load points give %d results, more than the limit of %d",
			len(p.Configurations), len(p.LoadPoints), n, maxCells)
	}
	for _, c := range p.Configurations {
		for _, l := range p.LoadPoints {
			p.Cells = append(p.Cells, Cell{ID: cellID(c.ID, l.ID), Configuration: c.ID, LoadPoint: l.ID})
		}
	}
	if err := p.checkUnique(); err != nil {
		return nil, err
	}
	p.schedule()
	p.ConfirmStage = confirmStage(p, e)
	p.Detectable = p.detectable()
	p.Estimate = p.estimate(e)
	p.Warnings = append(p.Warnings, warnings(p, e)...)
	return p, nil
}

// parameterNames are the flags that vary, in file order.
func parameterNames(m experiment.Matrix) []string {
	var out []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	for _, p := range m.Parameters {
		add(p.Name)
	}
	for _, c := range m.Configurations {
		for _, f := range c {
			add(f.Name)
		}
	}
	return out
}

// checkUnique guards against two things with one ID, which would mix their
// results.
func (p *Plan) checkUnique() error {
	seen := map[string]string{}
	claim := func(id, label string) error {
		if other, taken := seen[id]; taken {
			return fmt.Errorf("%q and %q happen to have the same ID %s: change the name of a load, or a flag of one of them", other, label, id)
		}
		seen[id] = label
		return nil
	}
	for _, c := range p.Configurations {
		if err := claim(c.ID, c.Label); err != nil {
			return err
		}
	}
	for _, l := range p.LoadPoints {
		if err := claim(l.ID, l.Label); err != nil {
			return err
		}
	}
	for _, c := range p.Cells {
		if err := claim(c.ID, c.Configuration+" at "+c.LoadPoint); err != nil {
			return err
		}
	}
	return nil
}
