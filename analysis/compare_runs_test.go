package analysis

import (
	"math"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// nights are two runs of two configurations; the second configuration has the
// factor in the second run. Without blocks in common the variance is that
// inside cells, pooled over both: Welch's test of two pooled variances.
func nights(factor float64) (a, b *run) {
	u := []float64{.01, -.01, 0}
	night := func(f float64) *run {
		r := newRun(2, 1)
		for i, d := range u {
			r.add(0, 0, i+1, one(throughput, math.Exp(math.Log(100)+d)))
			r.add(1, 0, i+1, one(throughput, math.Exp(math.Log(100*f)-d)))
		}
		return r
	}
	return night(1), night(factor)
}

func TestCompareRuns(t *testing.T) {
	a, b := nights(1.1)
	got, err := CompareRuns(a.in, b.in, []string{throughput})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Cells) != 2 || got.Tests != 2 {
		t.Fatalf("%d cells, %d tests", len(got.Cells), got.Tests)
	}
	// By hand: in each run the blocks' sum of squares is 0 and the residual one
	// 4e-4 on 2 degrees of freedom, so that the variance inside cells is 4e-4/4
	// with, by Satterthwaite's rule, (4e-4)²/((4e-4)²/2) = 2 degrees of freedom;
	// 4 in both runs together, and se = sqrt(2 x 1e-4/3).
	se := math.Sqrt(2e-4 / 3)
	const t4 = 2.7764451051977987 // t distribution, 97.5%, 4 df (R: qt(.975, 4))
	r := got.Cells[1].Ratios[throughput]
	near(t, "ratio", r.Center, 1.1, 1e-12)
	near(t, "lower bound", r.Lo, 1.1*math.Exp(-t4*se), 1e-9)
	if r.Verdict != Better || got.Cells[0].Ratios[throughput].Verdict != Equivalent {
		t.Errorf("verdicts %s and %s", r.Verdict, got.Cells[0].Ratios[throughput].Verdict)
	}
	back, err := CompareRuns(b.in, a.in, []string{throughput})
	if err != nil {
		t.Fatal(err)
	}
	if r := back.Cells[1].Ratios[throughput]; r.Verdict != Worse || math.Abs(r.Center-1/1.1) > 1e-9 {
		t.Errorf("the other way round: %+v", r)
	}
}

func TestCompareRunsMatchesByFlagsAndLoad(t *testing.T) {
	a, b := nights(1)
	for i := range b.in.Plan.Configurations { // another image: other IDs
		c := &b.in.Plan.Configurations[i]
		old := c.ID
		c.ID = "other" + old
		for j := range b.in.Plan.Cells {
			if b.in.Plan.Cells[j].Configuration == old {
				b.in.Plan.Cells[j].Configuration = c.ID
			}
		}
	}
	if got, err := CompareRuns(a.in, b.in, nil); err != nil || len(got.Cells) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	b.in.Plan.LoadPoints[0].ID = "p9"
	for j := range b.in.Plan.Cells {
		b.in.Plan.Cells[j].LoadPoint = "p9"
	}
	if _, err := CompareRuns(a.in, b.in, nil); err == nil {
		t.Error("runs without a load in common were compared")
	}
	if _, err := CompareRuns(a.in, a.in, []string{"speed"}); err == nil {
		t.Error("an unknown metric was compared")
	}
}

func TestComparability(t *testing.T) {
	base := func() *rundir.Run {
		return &rundir.Run{
			Plan:       &matrix.Plan{Model: "m", Backend: "podman", LoadPoints: []matrix.LoadPoint{{ID: "l1"}, {ID: "l2"}}},
			Provenance: rundir.Provenance{GPUs: []rundir.GPU{{Name: "H100"}}, SweepVersion: "1", Driver: "580", Backend: map[string]string{"image_digest": "a"}},
		}
	}
	for _, c := range []struct {
		what    string
		change  func(*rundir.Run)
		refused string
		warned  string
		subject string
	}{
		{what: "nothing", change: func(*rundir.Run) {}},
		{what: "model", change: func(r *rundir.Run) { r.Plan.Model = "n" }, refused: "model: m, then n"},
		{what: "gpu", change: func(r *rundir.Run) { r.Provenance.GPUs[0].Name = "A100" }, refused: "GPU: H100, then A100"},
		{what: "a second gpu", change: func(r *rundir.Run) { r.Provenance.GPUs = append(r.Provenance.GPUs, rundir.GPU{Name: "H100"}) }, refused: "GPU"},
		{what: "simulated", change: func(r *rundir.Run) { r.Provenance.Simulated, r.Plan.Backend = true, "simulated" }, refused: "simulated"},
		{what: "load", change: func(r *rundir.Run) { r.Plan.LoadPoints = []matrix.LoadPoint{{ID: "l9"}} }, refused: "no load point in common"},
		{what: "part of the load", change: func(r *rundir.Run) { r.Plan.LoadPoints[1].ID = "l9" }, warned: "1 of 2 and 2"},
		{what: "driver", change: func(r *rundir.Run) { r.Provenance.Driver = "590" }, warned: "GPU driver: 580, then 590"},
		{what: "client", change: func(r *rundir.Run) { r.Provenance.SweepVersion = "2" }, warned: "client version: 1, then 2"},
		{what: "image", change: func(r *rundir.Run) { r.Provenance.Backend["image_digest"] = "b" }, subject: "image digest: a, then b"},
	} {
		b := base()
		c.change(b)
		refused, warned, subject := Comparability(base(), b)
		for _, x := range []struct {
			got  []notice.Notice
			want string
		}{{refused, c.refused}, {warned, c.warned}, {subject, c.subject}} {
			if text := notice.Join(x.got); (x.want == "") != (text == "") || !strings.Contains(text, x.want) {
				t.Errorf("%s: got %q, want %q", c.what, text, x.want)
			}
		}
	}
}
