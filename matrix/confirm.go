package matrix

import (
	"fmt"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// PurposeConfirm marks the starts of the confirm stage: their trials count for
// the recommendations and not for the cells that the blocks measured.
const PurposeConfirm = "confirm"

// ConfirmStage is what is known of the confirm stage before the run begins.
type ConfirmStage struct {
	Starts    int `json:"starts"`    // fresh starts of each finalist
	Finalists int `json:"finalists"` // configurations a use case, the baseline and a combination apart
}

// Roles of a finalist.
const (
	RoleBaseline    = "baseline"
	RoleWinner      = "winner"      // recommended by the blocks
	RoleRival       = "rival"       // not told apart from the winner, or next to it
	RoleCombination = "combination" // of the best single changes, not measured before
)

// Finalist is a configuration at a load point that the confirm stage measures
// for a use case.
type Finalist struct {
	UseCase   string `json:"use_case"`
	Role      string `json:"role"`
	LoadPoint string `json:"load_point"` // ID
	// Configuration is its ID. For a combination that the plan does not have,
	// Parts name the configurations whose changes it joins.
	Configuration string   `json:"configuration,omitempty"`
	Parts         []string `json:"parts,omitempty"`
	Cell          string   `json:"cell,omitempty"` // ID; filled in by Confirm
}

// Confirmation is the confirm stage once its finalists are known. It is stored
// as confirm.json in the run directory.
type Confirmation struct {
	Configurations []Configuration `json:"configurations,omitempty"` // combinations that the plan does not have
	Cells          []Cell          `json:"cells,omitempty"`          // theirs
	Finalists      []Finalist      `json:"finalists"`
	Starts         []Start         `json:"starts"`          // in run order; blocks go on after those of the plan
	Notes          []notice.Notice `json:"notes,omitempty"` // combinations that were not made, and why
}

// Confirm plans the confirm stage for the finalists: every block of it starts
// each configuration afresh, in random order, with seeds of its own.
func (p *Plan) Confirm(e *experiment.Experiment, finalists []Finalist) (*Confirmation, error) {
	if p.ConfirmStage == nil {
		return nil, fmt.Errorf("plan the confirmation: the plan has none")
	}
	c := &Confirmation{Finalists: []Finalist{}}
	points := map[string][]string{} // configuration → load points
	var order []string
	for _, f := range finalists {
		if f.Configuration == "" {
			conf, note := p.combine(e, f.Parts)
			if note != nil {
				c.Notes = append(c.Notes, *note)
				continue
			}
			f.Configuration = conf.ID
			_, known := p.Configuration(conf.ID)
			if !known && !slices.ContainsFunc(c.Configurations, func(x Configuration) bool { return x.ID == conf.ID }) {
				c.Configurations = append(c.Configurations, conf)
			}
		}
		f.Cell = cellID(f.Configuration, f.LoadPoint)
		_, known := p.Cell(f.Cell)
		if !known && !slices.ContainsFunc(c.Cells, func(x Cell) bool { return x.ID == f.Cell }) {
			c.Cells = append(c.Cells, Cell{ID: f.Cell, Configuration: f.Configuration, LoadPoint: f.LoadPoint})
		}
		if !slices.Contains(order, f.Configuration) {
			order = append(order, f.Configuration)
		}
		if !slices.Contains(points[f.Configuration], f.LoadPoint) {
			points[f.Configuration] = append(points[f.Configuration], f.LoadPoint)
		}
		c.Finalists = append(c.Finalists, f)
	}
	p.scheduleConfirmation(c, order, points)
	return c, nil
}

// combine joins the changes of several configurations to one. The note says
// why it is not to be measured.
func (p *Plan) combine(e *experiment.Experiment, parts []string) (Configuration, *notice.Notice) {
	baseline := e.Server.Flags
	flags := baseline
	for _, id := range parts {
		part, ok := p.Configuration(id)
		if !ok {
			note := notice.New("combination-unknown", notice.Args{"id": notice.Text(id)})
			return Configuration{}, &note
		}
		flags = with(flags, part.Changed...)
	}
	changed := changes(baseline, flags)
	if pattern, hit := excludedBy(e.Matrix.Exclude, flags); hit {
		note := notice.New("combination-excluded", notice.Args{"combination": notice.Text(label(changed)), "pattern": notice.Text(label(pattern))})
		return Configuration{}, &note
	}
	return Configuration{
		ID: configurationID(e, flags), Label: label(changed), Flags: flags, Changed: changed, GPUs: gpus(e.Server, flags),
	}, nil
}

// scheduleConfirmation fills the starts. Blocks and places in the run order go
// on where the plan ends, so that seeds and IDs are new.
func (p *Plan) scheduleConfirmation(c *Confirmation, configurations []string, points map[string][]string) {
	all := &Plan{Seed: p.Seed, LoadPoints: p.LoadPoints, PerStart: p.PerStart, Blocks: p.Blocks + p.ConfirmStage.Starts}
	orders := all.loadOrders()
	for block := p.Blocks + 1; block <= all.Blocks; block++ {
		shuffled := slices.Clone(configurations)
		all.generator("order of finalists", block).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, id := range shuffled {
			var own []LoadPoint
			for _, l := range orders[block-1] {
				if slices.Contains(points[id], l.ID) {
					own = append(own, l)
				}
			}
			all.addStart(block, id, PurposeConfirm)
			all.addTrials(id, block, own)
		}
	}
	trials := 0
	for _, s := range p.Starts {
		trials += len(s.Trials)
	}
	c.Starts = all.Starts
	numberFrom(c.Starts, len(p.Starts), trials)
}

// With returns the plan together with its confirm stage; p stays as it is.
func (p *Plan) With(c *Confirmation) *Plan {
	if c == nil {
		return p
	}
	out := *p
	out.Configurations = slices.Concat(p.Configurations, c.Configurations)
	out.Cells = slices.Concat(p.Cells, c.Cells)
	out.Starts = slices.Concat(p.Starts, c.Starts)
	out.Confirmation = c
	return &out
}

// Screening returns the plan without a confirm stage that With added.
func (p *Plan) Screening() *Plan {
	c := p.Confirmation
	if c == nil {
		return p
	}
	out := *p
	out.Configurations = p.Configurations[:len(p.Configurations)-len(c.Configurations)]
	out.Cells = p.Cells[:len(p.Cells)-len(c.Cells)]
	out.Starts = p.Starts[:len(p.Starts)-len(c.Starts)]
	out.Confirmation = nil
	return &out
}

// confirmStage is the stage that the experiment asks for, nil where there is
// nothing to confirm: no use case, or no choice of configurations.
func confirmStage(p *Plan, e *experiment.Experiment) *ConfirmStage {
	if e.Confirm.Starts == 0 || len(e.UseCases) == 0 || len(p.Configurations) < 2 || p.Backend == "endpoint" {
		return nil
	}
	return &ConfirmStage{Starts: e.Confirm.Starts, Finalists: e.Confirm.Finalists}
}

// ConfirmExtent is how much a confirm stage may be.
type ConfirmExtent struct {
	Starts int
	Trials map[string]int // by load
}

// ConfirmExtents bound the confirm stage before its finalists are known. At
// least, one use case has one finalist beside the baseline: an extent for each of
// the use cases. At most, no configuration is a finalist of two use cases, every
// use case has a combination, and every finalist has a load point of its own.
func (p *Plan) ConfirmExtents() (least []ConfirmExtent, most ConfirmExtent) {
	rounds, perStart := p.ConfirmStage.Starts, max(1, p.PerStart)
	each := p.ConfirmStage.Finalists
	if p.Strategy == experiment.OneAtATime && len(p.Parameters) > 1 {
		each++ // the combination of the winners
	}
	most = ConfirmExtent{Starts: rounds, Trials: map[string]int{}} // of the baseline
	for _, u := range p.UseCases {
		n := min(each, len(p.Configurations))
		most.Starts += rounds * n
		// The baseline is measured wherever a finalist is, and at its own best point.
		most.Trials[u.Load] += rounds * perStart * (2*n + 1)
		least = append(least, ConfirmExtent{Starts: 2 * rounds, Trials: map[string]int{u.Load: 2 * rounds * perStart}})
	}
	return least, most
}

// estimateConfirmation estimates the least and the most that the confirm stage
// costs; longest are the trials of each load.
func (p *Plan) estimateConfirmation(est *Estimate, e *experiment.Experiment, longest map[string]time.Duration) {
	if p.ConfirmStage == nil {
		return
	}
	cost := func(x ConfirmExtent) time.Duration {
		total := time.Duration(x.Starts) * (est.PerStart + e.Cooldown.AtLeast)
		for load, n := range x.Trials {
			total += time.Duration(n) * longest[load]
		}
		return total
	}
	least, most := p.ConfirmExtents()
	est.ConfirmStarts, est.Confirming, est.ConfirmingLeast = most.Starts, cost(most), cost(most)
	for _, x := range least {
		est.ConfirmingLeast = min(est.ConfirmingLeast, cost(x))
	}
}

// Range is the least and the most time that the run takes, confirmation included,
// as far as that is known before it begins.
func (e Estimate) Range() (least, most time.Duration) {
	return e.Total + e.ConfirmingLeast, e.Total + e.Confirming + max(e.CooldownLimit-e.CoolingDown, 0)
}
