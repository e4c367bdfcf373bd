package matrix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vllm-sweep/sweep/experiment"
	"pgregory.net/rapid"
)

// drawn is a random matrix and what is needed to write it down.
type drawn struct {
	flags  []string   // "name: value" of the baseline
	names  []string   // of the parameters
	levels [][]string // per parameter
	grid   bool
	blocks int
	seed   uint64
}

func draw(t *rapid.T) drawn {
	d := drawn{grid: rapid.Bool().Draw(t, "grid"), blocks: rapid.IntRange(1, 4).Draw(t, "blocks"), seed: rapid.Uint64().Draw(t, "seed")}
	level := rapid.SampledFrom([]string{"1", "2.0", "3k", "true", "text", "null", "{a: 1}"})
	for _, name := range []string{"a", "b", "c", "d"} {
		if rapid.Bool().Draw(t, "in baseline") {
			d.flags = append(d.flags, name+": "+level.Draw(t, "baseline "+name))
		}
		if rapid.Bool().Draw(t, "varied") {
			d.names = append(d.names, name)
			d.levels = append(d.levels, rapid.SliceOfNDistinct(level, 1, 3, rapid.ID[string]).Draw(t, "levels "+name))
		}
	}
	return d
}

func (d drawn) text(exclude string) string {
	var parameters []string
	for i, name := range d.names {
		parameters = append(parameters, name+": ["+strings.Join(d.levels[i], ", ")+"]")
	}
	strategy := experiment.OneAtATime
	if d.grid {
		strategy = experiment.Grid
	}
	return text("{"+strings.Join(d.flags, ", ")+"}",
		fmt.Sprintf("{strategy: %s, parameters: {%s}, exclude: [%s]}", strategy, strings.Join(parameters, ", "), exclude)) +
		fmt.Sprintf("trials: {repeat: %d, seed: %d}\n", d.blocks, d.seed)
}

// TestPlanLaws checks on random matrices that every block visits every cell
// once, that the plan is deterministic, that seeds are shared inside a block
// and differ between blocks, and that IDs are unique and refer to something.
func TestPlanLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		p := plan(t, d.text(""))
		again, err := json.Marshal(plan(t, d.text("")))
		if err != nil {
			t.Fatal(err)
		}
		if once, err := json.Marshal(p); err != nil || !bytes.Equal(once, again) {
			t.Fatalf("two plans of one file differ; error %v", err)
		}
		visits, seeds := map[string]int{}, map[string]uint64{}
		ids := map[string]bool{}
		for _, s := range p.Starts {
			ids[s.ID] = true
			if _, ok := p.Configuration(s.Configuration); !ok {
				t.Fatalf("start of unknown configuration %s", s.Configuration)
			}
			for _, trial := range s.Trials {
				ids[trial.ID] = true
				cell, ok := p.Cell(trial.Cell)
				if !ok || cell.Configuration != s.Configuration || trial.Block != s.Block {
					t.Fatalf("trial %+v on start %+v", trial, s)
				}
				visits[fmt.Sprint(trial.Block, cell.ID)]++
				key := fmt.Sprint(trial.Block, cell.LoadPoint)
				if seed, ok := seeds[key]; ok && seed != trial.Seed {
					t.Fatal("cells of one block and load point have different seeds")
				}
				seeds[key] = trial.Seed
			}
		}
		if len(visits) != p.Blocks*len(p.Cells) || len(ids) != p.Estimate.Starts+p.Estimate.Trials || p.Estimate.Trials != len(visits) {
			t.Fatalf("%d visits of %d cells in %d blocks, %d IDs", len(visits), len(p.Cells), p.Blocks, len(ids))
		}
		distinct := map[uint64]bool{}
		for _, seed := range seeds {
			distinct[seed] = true
		}
		if len(distinct) != p.Blocks*len(p.LoadPoints) {
			t.Fatal("blocks share seeds")
		}
	})
}

// TestIDsFollowContent checks that the order of flags in the file changes no
// ID, and that changing any one flag changes every configuration's.
func TestIDsFollowContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		d.flags = append(d.flags, "z: 0.5")
		ids := func(d drawn) map[string]string {
			out := map[string]string{}
			for _, c := range plan(t, d.text("")).Configurations {
				if _, taken := out[c.ID]; taken {
					t.Fatalf("two configurations have ID %s", c.ID)
				}
				out[c.ID] = fmt.Sprint(sortedFlags(c.Flags))
			}
			return out
		}
		before := ids(d)
		shuffled := d
		shuffled.flags = append([]string{}, d.flags...)
		rand.New(rand.NewPCG(d.seed, 0)).Shuffle(len(d.flags), func(i, j int) {
			shuffled.flags[i], shuffled.flags[j] = shuffled.flags[j], shuffled.flags[i]
		})
		shuffled.flags = append([]string{}, shuffled.flags...)
		if diff := cmp.Diff(before, ids(shuffled)); diff != "" {
			t.Fatalf("reordered flags: %s", diff)
		}
		changed := d
		changed.flags = append(d.flags[:len(d.flags)-1:len(d.flags)-1], "z: 0.6")
		for id := range ids(changed) {
			if _, same := before[id]; same {
				t.Fatalf("ID %s survives a change of a flag", id)
			}
		}
	})
}

// TestGridSize checks that a grid has the product of its levels, less the
// excluded, plus the baseline where that is no point of the grid.
func TestGridSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		d.grid = true
		d.flags = []string{"a: outside"} // no level: the baseline is no point of the grid if a varies
		d.names = append([]string{"a"}, d.names...)
		d.levels = append([][]string{{"1", "2"}}, d.levels...)
		if len(d.names) > 1 && d.names[1] == "a" {
			d.names, d.levels = d.names[1:], d.levels[1:]
		}
		product := 1
		for _, l := range d.levels {
			product *= len(l)
		}
		if n := len(plan(t, d.text("")).Configurations); n != product+1 {
			t.Fatalf("%d configurations, want %d and the baseline", n, product)
		}
		excluded := product / len(d.levels[0])
		p := plan(t, d.text("{a: "+d.levels[0][0]+"}"))
		if len(p.Configurations) != product+1-excluded || len(p.Excluded) != excluded {
			t.Fatalf("%d configurations and %d excluded, want %d and %d", len(p.Configurations), len(p.Excluded), product+1-excluded, excluded)
		}
	})
}

// TestEarlierBlocksStay expects more repeats to leave the earlier blocks as
// they were, so that a run can be extended.
func TestEarlierBlocksStay(t *testing.T) {
	short := plan(t, text("{a: 1}", "{parameters: {a: [2, 3, 4]}}")+"trials: {repeat: 2}\n")
	long := plan(t, text("{a: 1}", "{parameters: {a: [2, 3, 4]}}")+"trials: {repeat: 5}\n")
	for i, s := range short.Starts {
		if diff := cmp.Diff(s, long.Starts[i]); diff != "" {
			t.Error(diff)
		}
	}
}

// TestLoadOrderDiffers expects neighbouring blocks to run the load points in
// different orders, and all configurations of a block in the same.
func TestLoadOrderDiffers(t *testing.T) {
	p := plan(t, text("{a: 1}", "{parameters: {a: [2, 3]}}")+"trials: {repeat: 6}\n")
	orders := map[int]string{}
	for _, s := range p.Starts {
		var order []string
		for _, trial := range s.Trials {
			cell, _ := p.Cell(trial.Cell)
			order = append(order, cell.LoadPoint)
		}
		text := strings.Join(order, " ")
		if seen, ok := orders[s.Block]; ok && seen != text {
			t.Errorf("block %d has two orders", s.Block)
		}
		orders[s.Block] = text
	}
	for block := 2; block <= 6; block++ {
		if orders[block] == orders[block-1] {
			t.Errorf("blocks %d and %d have the same order", block-1, block)
		}
	}
}
