package matrix

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// Randomness: every draw uses a PCG generator of its own whose first word is
// the experiment's seed and whose second is the first eight bytes of the
// SHA-256 of what is drawn: ["order of configurations", block] and ["order of
// load points", block, attempt]. So one block's order does not depend on the
// number of blocks or on any other draw, and adding blocks later leaves the
// earlier ones as they were.

// schedule fills Starts.
func (p *Plan) schedule() {
	p.rateSearch()
	orders := p.loadOrders()
	if p.Order == experiment.Sequential {
		for _, c := range p.Configurations {
			p.addStart(1, c.ID, PurposeMeasure)
			for block := 1; block <= p.Blocks; block++ {
				p.addTrials(c.ID, block, orders[block-1])
			}
		}
	} else {
		for block := 1; block <= p.Blocks; block++ {
			for _, c := range p.shuffledConfigurations(block) {
				p.addStart(block, c.ID, PurposeMeasure)
				p.addTrials(c.ID, block, orders[block-1])
			}
		}
	}
	p.numberStarts()
}

// rateSearch adds a start of the baseline with the two ends of every sweep
// load, from which the runner derives the rates between.
func (p *Plan) rateSearch() {
	var ends []LoadPoint
	for _, l := range p.LoadPoints {
		if l.Kind == experiment.Sweep && (l.Value == 0 || l.Value == 1) {
			ends = append(ends, l)
		}
	}
	if len(ends) == 0 {
		return
	}
	baseline := p.Configurations[0]
	p.addStart(0, baseline.ID, PurposeFindRates)
	p.addTrials(baseline.ID, 0, ends)
}

func (p *Plan) generator(kind string, content ...any) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, number(kind, content...)))
}

func (p *Plan) shuffledConfigurations(block int) []Configuration {
	out := slices.Clone(p.Configurations)
	p.generator("order of configurations", block).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// loadOrders draws the order of load points of every block. All
// configurations of a block share it, so that what one load leaves behind for
// the next is the same in every comparison; neighbouring blocks never have the
// same order (two load points simply alternate).
func (p *Plan) loadOrders() [][]LoadPoint {
	same := func(a, b LoadPoint) bool { return a.ID == b.ID }
	var out [][]LoadPoint
	for block := 1; block <= p.Blocks; block++ {
		for attempt := 0; ; attempt++ {
			order := slices.Clone(p.LoadPoints)
			p.generator("order of load points", block, attempt).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			if len(order) > 1 && block > 1 && slices.EqualFunc(order, out[block-2], same) {
				continue
			}
			ladders(order)
			out = append(out, order)
			break
		}
	}
	return out
}

// ladders puts the points of each load that stops when it is saturated into
// rising order, in the places that the points of this load have.
func ladders(order []LoadPoint) {
	places := map[string][]int{}
	for i, l := range order {
		if l.StopWhenSaturated {
			places[l.Load] = append(places[l.Load], i)
		}
	}
	for _, at := range places {
		rungs := make([]LoadPoint, len(at))
		for k, i := range at {
			rungs[k] = order[i]
		}
		slices.SortFunc(rungs, func(a, b LoadPoint) int { return cmp.Compare(a.Value, b.Value) })
		for k, i := range at {
			order[i] = rungs[k]
		}
	}
}

func (p *Plan) addStart(block int, configuration, purpose string) {
	p.Starts = append(p.Starts, Start{Block: block, Configuration: configuration, Purpose: purpose})
}

// addTrials appends trials to the last start: every load point in order, and
// that as often as a start is to measure each.
func (p *Plan) addTrials(configuration string, block int, order []LoadPoint) {
	start := &p.Starts[len(p.Starts)-1]
	for again := range max(1, p.PerStart) {
		if again > 0 && start.Purpose == PurposeFindRates {
			break
		}
		for _, l := range order {
			start.Trials = append(start.Trials, Trial{
				Cell: cellID(configuration, l.ID), Block: block, Seed: trialSeed(p.Seed, block, l.ID, again),
			})
		}
	}
}

// trialSeed is shared by all cells of a block at one load point, repeat by
// repeat. It is cut to 53 bits, which every JSON reader keeps exactly.
func trialSeed(seed uint64, block int, loadPoint string, again int) uint64 {
	if again > 0 {
		return number("trial", seed, block, loadPoint, again) >> 11
	}
	return number("trial", seed, block, loadPoint) >> 11
}

// perStartOf is the number of trials of a cell on one start when it is more
// than one.
func perStartOf(e *experiment.Experiment) int {
	if e.Trials.PerStart < 2 {
		return 0
	}
	return e.Trials.PerStart
}

// numberStarts gives starts and trials their IDs: the place in the run order,
// padded so that names sort, and what is run.
func (p *Plan) numberStarts() { numberFrom(p.Starts, 0, 0) }

// numberFrom numbers starts that follow on others with their trials.
func numberFrom(list []Start, starts, trials int) {
	t, most := trials, trials
	for _, s := range list {
		most += len(s.Trials)
	}
	startWidth, trialWidth := width(starts+len(list), 2), width(most, 3)
	for i := range list {
		s := &list[i]
		s.ID = fmt.Sprintf("s%0*d-%s", startWidth, starts+i+1, compact(s.Configuration))
		for j := range s.Trials {
			t++
			s.Trials[j].ID = fmt.Sprintf("t%0*d-%s", trialWidth, t, compact(s.Trials[j].Cell))
		}
	}
}

// compact is an ID without its hyphen: "c1a2b3c4d".
func compact(id string) string { return strings.ReplaceAll(id, "-", "") }

func width(n, least int) int { return max(least, len(fmt.Sprint(n))) }
