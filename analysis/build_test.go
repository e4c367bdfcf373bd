package analysis

import (
	"fmt"
	"math/rand/v2"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// run builds an Input by hand: configurations c0 (baseline), c1, ... at load
// points p0, p1, ... of load "chat".
type run struct {
	in    Input
	order int
}

func newRun(configurations, points int) *run {
	p := &matrix.Plan{Name: "test", Model: "acme/model", Order: experiment.Blocks}
	base := experiment.Flags{{Name: "max-num-seqs", Value: "256"}}
	for c := range configurations {
		conf := matrix.Configuration{
			ID: fmt.Sprintf("c%d", c), Label: fmt.Sprintf("max-num-seqs=%d", c), GPUs: 1,
			Flags: base, Baseline: c == 0,
		}
		if c == 0 {
			conf.Label = "baseline"
		} else {
			f := experiment.Flag{Name: "max-num-seqs", Value: fmt.Sprint(c)}
			conf.Flags, conf.Changed = base.With(f), experiment.Flags{f}
		}
		p.Configurations = append(p.Configurations, conf)
	}
	for l := range points {
		p.LoadPoints = append(p.LoadPoints, matrix.LoadPoint{
			ID: fmt.Sprintf("p%d", l), Label: fmt.Sprintf("chat poisson %d/s", l+1), Load: "chat",
			Kind: experiment.Poisson, Value: float64(l + 1),
		})
	}
	for c := range configurations {
		for l := range points {
			p.Cells = append(p.Cells, matrix.Cell{
				ID: cellID(c, l), Configuration: fmt.Sprintf("c%d", c), LoadPoint: fmt.Sprintf("p%d", l),
			})
		}
	}
	return &run{in: Input{Plan: p}}
}

func cellID(c, l int) string { return fmt.Sprintf("x%d.%d", c, l) }

// add records one counting trial on a start of its own.
func (r *run) add(c, l, block int, metrics map[string]float64) *rundir.Trial {
	r.order++
	r.in.Trials = append(r.in.Trials, rundir.Trial{
		ID: fmt.Sprintf("t%03d", r.order), Cell: cellID(c, l),
		Configuration: fmt.Sprintf("c%d", c), LoadPoint: fmt.Sprintf("p%d", l),
		Start: fmt.Sprintf("s%02d-c%d", block, c), Block: block, Order: r.order,
		Outcome: rundir.OutcomeOK, Metrics: metrics,
	})
	return &r.in.Trials[len(r.in.Trials)-1]
}

// blocks runs every cell once per block in random order, values from f.
func (r *run) blocks(rng *rand.Rand, blocks int, f func(c, l, block, order int) map[string]float64) {
	var all [][2]int
	for c := range r.in.Plan.Configurations {
		for l := range r.in.Plan.LoadPoints {
			all = append(all, [2]int{c, l})
		}
	}
	for b := 1; b <= blocks; b++ {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, x := range all {
			r.add(x[0], x[1], b, f(x[0], x[1], b, r.order+1))
		}
	}
}

// changeText is a ratio as the documentation prints it.
func changeText(r Ratio) string {
	if !r.HasInterval() {
		return say.Change(r.Center)
	}
	return say.Change(r.Center) + " " + say.Interval(say.Change(r.Lo), say.Change(r.Hi))
}
