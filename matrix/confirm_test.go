package matrix

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/internal/notice"
)

const confirming = `version: 1
name: t
server: {model: m, simulated: {}, flags: {max-num-seqs: 16, max-num-batched-tokens: 512, block-size: 16}}
matrix:
  parameters: {max-num-seqs: [64], max-num-batched-tokens: [2048], block-size: [32]}
  exclude: [{max-num-seqs: 64, block-size: 32}]
loads:
  chat: {prompt_tokens: 10, output_tokens: 10, arrivals: {poisson: [1, 2]}, duration: 10s}
use_cases: {fast: {maximize: output_throughput, load: chat}}
confirm: {starts: 5, finalists: 2}
`

func TestConfirm(t *testing.T) {
	e := parse(t, confirming)
	p := plan(t, confirming)
	conf := func(i int) string { return p.Configurations[i].ID }
	point := p.LoadPoints[1].ID
	c, err := p.Confirm(e, []Finalist{
		{UseCase: "fast", Role: RoleWinner, Configuration: conf(1), LoadPoint: point},
		{UseCase: "fast", Role: RoleBaseline, Configuration: conf(0), LoadPoint: point},
		{UseCase: "fast", Role: RoleCombination, Parts: []string{conf(1), conf(2)}, LoadPoint: point},
		{UseCase: "fast", Role: RoleCombination, Parts: []string{conf(1), conf(3)}, LoadPoint: point},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Finalists) != 3 || len(c.Configurations) != 1 || c.Configurations[0].Label != "max-num-seqs=64 max-num-batched-tokens=2048" {
		t.Fatalf("%+v", c)
	}
	if len(c.Notes) != 1 || c.Notes[0].Code != "combination-excluded" {
		t.Errorf("an excluded combination: %v", c.Notes)
	}
	if len(c.Cells) != 1 || c.Cells[0].Configuration != c.Configurations[0].ID || c.Finalists[2].Cell != c.Cells[0].ID {
		t.Errorf("cells %+v, finalists %+v", c.Cells, c.Finalists)
	}
	ids, seeds := map[string]bool{}, map[uint64]bool{}
	for _, s := range p.Starts {
		ids[s.ID] = true
		for _, tr := range s.Trials {
			ids[tr.ID], seeds[tr.Seed] = true, true
		}
	}
	if len(c.Starts) != 15 {
		t.Errorf("%d starts, want 5 of each of three", len(c.Starts))
	}
	blocks := map[int]map[uint64]bool{}
	for _, s := range c.Starts {
		if ids[s.ID] || s.Purpose != PurposeConfirm || s.Block <= p.Blocks || len(s.Trials) != 1 {
			t.Errorf("start %+v", s)
		}
		for _, tr := range s.Trials {
			if ids[tr.ID] || seeds[tr.Seed] {
				t.Errorf("trial %+v repeats an ID or a seed of the blocks", tr)
			}
			ids[tr.ID] = true
			if blocks[s.Block] == nil {
				blocks[s.Block] = map[uint64]bool{}
			}
			blocks[s.Block][tr.Seed] = true
		}
	}
	for b, s := range blocks {
		if len(s) != 1 {
			t.Errorf("block %d has %d seeds at one load point", b, len(s))
		}
	}
	whole := p.With(c)
	if _, ok := whole.Cell(c.Cells[0].ID); !ok || len(whole.MeasuredTrials()) != len(p.MeasuredTrials())+15 {
		t.Error("the plan with its confirm stage lacks parts of it")
	}
	if diff := cmp.Diff(p, whole.Screening()); diff != "" {
		t.Errorf("the plan without its confirm stage is not the plan:\n%s", diff)
	}
}

// The estimate bounds the stage from above.
func TestConfirmCostIsAnUpperBound(t *testing.T) {
	p := plan(t, confirming)
	// Baseline, two finalists and a combination, five times each.
	if got := p.Estimate.ConfirmStarts; got != 20 {
		t.Errorf("%d starts at most, want 20", got)
	}
	for _, c := range []struct{ from, to string }{
		{"confirm: {starts: 5, finalists: 2}", "confirm: false"},
		{"use_cases: {fast: {maximize: output_throughput, load: chat}}", ""},
		{"parameters: {max-num-seqs: [64], max-num-batched-tokens: [2048], block-size: [32]}\n  exclude: [{max-num-seqs: 64, block-size: 32}]", "parameters: {}"},
	} {
		if p := plan(t, strings.Replace(confirming, c.from, c.to, 1)); p.ConfirmStage != nil || p.Estimate.ConfirmStarts != 0 {
			t.Errorf("%q leaves a confirm stage", c.to)
		}
	}
}

func TestPerStartRepeatsEveryLoadPoint(t *testing.T) {
	text := strings.Replace(confirming, "use_cases", "trials: {repeat: 2, per_start: 3}\nuse_cases", 1)
	p := plan(t, text)
	once := plan(t, confirming)
	for i, s := range p.Starts {
		if len(s.Trials) != 6 {
			t.Fatalf("%d trials on a start, want 2 load points three times", len(s.Trials))
		}
		seeds := map[uint64]bool{}
		for _, tr := range s.Trials {
			seeds[tr.Seed] = true
		}
		if len(seeds) != 6 {
			t.Errorf("%d seeds on a start, want 6", len(seeds))
		}
		if s.Trials[0].Seed != once.Starts[i].Trials[0].Seed {
			t.Error("the first repeat is not what a plan without repeats has")
		}
	}
}

// Plans and confirmations of format 1 hold sentences; they are read as notices.
func TestPlanOfFormat1(t *testing.T) {
	var p Plan
	var c Confirmation
	const said = "repeat 1: with one trial per configuration and load, there are no intervals and no verdicts"
	if err := json.Unmarshal([]byte(`{"name": "old", "warnings": ["`+said+`"]}`), &p); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"finalists": [], "starts": [], "notes": ["`+said+`"]}`), &c); err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]notice.Notice{p.Warnings, c.Notes} {
		if len(list) != 1 || list[0].Code != "recorded-text" || list[0].Text() != said {
			t.Errorf("%+v", list)
		}
	}
	var b strings.Builder
	p.Starts = []Start{{Configuration: "c-1"}}
	if err := p.WriteText(&b); err != nil || !strings.Contains(b.String(), "\nWarnings\n  "+said+"\n") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
