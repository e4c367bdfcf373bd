package analysis

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/experiment"
)

// drawRun draws an unbalanced run: some trials missing, some metrics absent,
// values from `value`.
func drawRun(t *rapid.T, value *rapid.Generator[float64]) *run {
	configurations, points := rapid.IntRange(1, 4).Draw(t, "configurations"), rapid.IntRange(1, 2).Draw(t, "points")
	r := newRun(configurations, points)
	r.in.SLO = []experiment.Constraint{{Metric: "ttft_p95", Op: experiment.AtMost, Value: 1}}
	r.in.UseCases = []experiment.UseCase{
		{Name: "most", Objective: throughput, Maximize: true, Load: "chat"},
		{Name: "least", Objective: "ttft_p95", Load: "chat", SubjectTo: []experiment.Constraint{{Metric: throughput, Op: experiment.AtLeast, Value: 1}}},
	}
	for b := range rapid.IntRange(1, 5).Draw(t, "blocks") {
		for c := range configurations {
			for l := range points {
				if rapid.IntRange(0, 5).Draw(t, "missing") == 0 {
					continue
				}
				m := map[string]float64{}
				for _, name := range []string{throughput, "ttft_p95", "error_rate"} {
					if rapid.IntRange(0, 5).Draw(t, "absent") > 0 {
						m[name] = value.Draw(t, name)
					}
				}
				r.add(c, l, b+1, m)
			}
		}
	}
	return r
}

// Whatever the records hold, the findings are numbers: they survive JSON.
func TestFindingsAreFinite(t *testing.T) {
	value := rapid.OneOf(
		rapid.Float64Range(0.001, 1000), rapid.Just(0.0), rapid.Just(1.0), rapid.Just(math.NaN()),
		rapid.Just(math.Inf(1)), rapid.Just(-1.0), rapid.Just(math.MaxFloat64), rapid.Just(math.SmallestNonzeroFloat64),
	)
	rapid.Check(t, func(t *rapid.T) {
		f, err := Analyze(drawRun(t, value).in)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var back Findings
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*f, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestOrderOfRecordsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t, rapid.Float64Range(0.5, 2))
		f, err := Analyze(r.in)
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		shuffled := r.in
		shuffled.Trials = slices.Clone(r.in.Trials)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled.Trials), func(i, j int) {
			shuffled.Trials[i], shuffled.Trials[j] = shuffled.Trials[j], shuffled.Trials[i]
		})
		g, err := Analyze(shuffled)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, g); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Another unit changes no ratio, no verdict and no frontier.
func TestUnitsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t, rapid.Float64Range(0.5, 2))
		r.in.SLO, r.in.UseCases = nil, nil
		f, err := Analyze(r.in)
		if err != nil {
			t.Fatal(err)
		}
		scaled := r.in
		scaled.Trials = slices.Clone(r.in.Trials)
		for i, tr := range scaled.Trials {
			m := map[string]float64{}
			for k, v := range tr.Metrics {
				m[k] = v * 1024 // exact in binary
			}
			scaled.Trials[i].Metrics = m
		}
		g, err := Analyze(scaled)
		if err != nil {
			t.Fatal(err)
		}
		close := cmpopts.EquateApprox(1e-6, 1e-9)
		for i := range f.Cells {
			if diff := cmp.Diff(f.Cells[i].Ratios, g.Cells[i].Ratios, close); diff != "" {
				t.Fatal(diff)
			}
		}
		// Membership is left out: rounding breaks exact ties of logarithms.
		standing := cmpopts.IgnoreFields(Frontier{}, "Membership", "Hypervolume", "Knee")
		if diff := cmp.Diff(f.Frontiers, g.Frontiers, standing); diff != "" {
			t.Fatal(diff)
		}
		for i := range f.Frontiers {
			v, w := f.Frontiers[i].Hypervolume, g.Frontiers[i].Hypervolume
			if (v == nil) != (w == nil) || v != nil && math.Abs(v.Above-w.Above) > 1e-6 {
				t.Fatalf("hypervolumes %+v and %+v", v, w)
			}
		}
	})
}

// An interval contains its estimate.
func TestIntervalsContainEstimates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t, rapid.OneOf(rapid.Float64Range(0.5, 2), rapid.Just(0.0)))
		f, err := Analyze(r.in)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Cells {
			for m, e := range c.Estimates {
				if e.HasInterval() && (e.Center < e.Lo || e.Center > e.Hi) {
					t.Fatalf("%s %s: %+v", c.ID, m, e)
				}
			}
			for m, q := range c.Ratios {
				if q.HasInterval() && (q.Center < q.Lo || q.Center > q.Hi) {
					t.Fatalf("%s %s: %+v", c.ID, m, q)
				}
				if (q.Verdict == Better || q.Verdict == Worse) && (!q.HasInterval() || q.Lo <= 1 && q.Hi >= 1) {
					t.Fatalf("%s %s: %+v", c.ID, m, q)
				}
			}
			if c.Trials+c.Invalid+c.Failed > 0 && c.Trials == 0 && len(c.Estimates) > 0 {
				t.Fatalf("%s: estimates without counting trials", c.ID)
			}
		}
	})
}

func BenchmarkAnalyze(b *testing.B) {
	// 40 configurations x 5 load points x 3 blocks, 6 metrics.
	rng := rand.New(rand.NewPCG(1, 1))
	r := newRun(40, 5)
	names := []string{throughput, "ttft_p50", "ttft_p95", "tpot_p50", "e2e_p50", "e2e_p95"}
	r.blocks(rng, 3, func(int, int, int, int) map[string]float64 {
		m := map[string]float64{}
		for _, n := range names {
			m[n] = math.Exp(.03 * rng.NormFloat64())
		}
		return m
	})
	in := r.in
	b.ReportMetric(float64(len(in.Trials)), "trials")
	for b.Loop() {
		if _, err := Analyze(in); err != nil {
			b.Fatal(err)
		}
	}
}
