package analysis

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// A real difference in latency that the client's own error could have made gets
// no verdict; one above the floor, and throughput, keep theirs.
func TestNoiseFloor(t *testing.T) {
	run := func(floor *rundir.Floor) Cell {
		r := newRun(2, 1)
		rng := rand.New(rand.NewPCG(1, 1))
		r.blocks(rng, 5, func(c, _, _, _ int) map[string]float64 {
			noise := 1 + 0.001*rng.NormFloat64()
			return map[string]float64{"ttft_p50": (0.100 - 0.010*float64(c)) * noise, "output_throughput": (100 + 10*float64(c)) * noise}
		})
		r.in.Floor = floor
		return analyse(t, r).Cells[1]
	}
	at := func(seconds float64) *rundir.Floor {
		return &rundir.Floor{Points: []rundir.PointFloor{
			{LoadPoint: "other", Errors: map[string]float64{"ttft_p50": 1}},
			{LoadPoint: "p0", Errors: map[string]float64{"ttft_p50": seconds, "output_throughput": 0}},
		}}
	}
	for _, c := range []struct {
		floor *rundir.Floor
		want  string
	}{
		{nil, Better}, {at(0.001), Better}, {at(0.011), Undecided}, {at(-0.011), Undecided},
		{&rundir.Floor{Points: []rundir.PointFloor{{LoadPoint: "p0", Skipped: "why"}}}, Better},
	} {
		cell := run(c.floor)
		got := cell.Ratios["ttft_p50"]
		if got.Verdict != c.want || (c.want == Undecided) != strings.Contains(got.Reason(), "below the load generator's noise floor of 11 ms") {
			t.Errorf("%+v: %s (%s), want %s", c.floor, got.Verdict, got.Reason(), c.want)
		}
		if got := cell.Ratios["output_throughput"]; got.Verdict != Better {
			t.Errorf("throughput: %s (%s)", got.Verdict, got.Reason())
		}
	}
}
