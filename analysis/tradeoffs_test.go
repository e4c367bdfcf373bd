package analysis

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// A recommendation names what is worse than the baseline at its load, and
// nothing else.
func TestTradeOffs(t *testing.T) {
	r := table([][]map[string]float64{
		{cellValues(800, .2), cellValues(900, .4)},
		{cellValues(800, .1), cellValues(1300, .8)},
	})
	r.in.UseCases = append(r.in.UseCases, maximise())
	got := analyse(t, r).Recommendations[0]
	if len(got.TradeOffs) != 1 {
		t.Fatalf("%+v", got.TradeOffs)
	}
	o := got.TradeOffs[0]
	if o.Metric != "ttft_p95" || o.Ratio.Verdict != Worse || o.Screening {
		t.Errorf("%+v", o)
	}
	near(t, "baseline", o.Baseline, .4, .001)
	near(t, "value", o.Value, .8, .001)
	near(t, "ratio", o.Ratio.Center, 2, .01)
	if got.SameLoad != nil {
		t.Errorf("compared at one load, and a ratio at the same load: %+v", got.SameLoad)
	}
	r = table([][]map[string]float64{{cellValues(900, .1)}, {cellValues(500, .4)}})
	r.in.UseCases = append(r.in.UseCases, maximise())
	if got := analyse(t, r).Recommendations[0]; got.Configuration != "c0" || len(got.TradeOffs) != 0 {
		t.Errorf("the baseline has a price: %+v", got.TradeOffs)
	}
}

// Where the baseline is best at another load, the comparison at the same load is
// there too.
func TestSameLoad(t *testing.T) {
	r := table([][]map[string]float64{
		{cellValues(500, .1), cellValues(900, .1)},
		{cellValues(1200, .1), cellValues(600, .1)},
	})
	r.in.UseCases = append(r.in.UseCases, maximise())
	got := analyse(t, r).Recommendations[0]
	if got.Cell != cellID(1, 0) || got.BaselineCell != cellID(0, 1) || got.SameLoad == nil || got.SameLoad.Verdict != Better {
		t.Fatalf("%s against %s, %+v", got.Cell, got.BaselineCell, got.SameLoad)
	}
	near(t, "best against best", got.Ratio.Center, 1200.0/900, .01)
	near(t, "at the same load", got.SameLoad.Center, 1200.0/500, .01)
}

// The confirmation runs have the word on a price; what they leave open stands as
// the screening runs found it.
func TestTradeOffsOfAConfirmedRecommendation(t *testing.T) {
	for _, c := range []struct {
		what      string
		confirmed []float64 // time to first token of c1 over the baseline's, by restart; none: not measured
		want      bool
		screening bool
	}{
		{"not measured again", nil, true, true},
		{"worse again", []float64{2, 2.01, 1.99, 2, 2}, true, false},
		{"undecided on the same side", []float64{.7, 3, 1, 2.5, .9}, true, true},
		{"undecided on the other side", []float64{.3, 1.2, .5, 1.1, .8}, false, false},
		{"better", []float64{.5, .51, .49, .5, .5}, false, false},
	} {
		r := twoChanges(1.2, .95, .9)
		for i := range r.in.Trials {
			tr := &r.in.Trials[i]
			tr.Metrics["ttft_p50"] = .1 * (1 + spreads[tr.Block%3])
			if tr.Configuration == "c1" {
				tr.Metrics["ttft_p50"] *= 2
			}
		}
		r.stage(analyse(t, r).Finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 95}, 5)
		for i := range r.in.Trials {
			if tr := &r.in.Trials[i]; strings.HasPrefix(tr.ID, "k") && c.confirmed != nil {
				tr.Metrics["ttft_p50"] = .1 * (1 + spreads[tr.Order%3])
				if tr.Configuration == "c1" {
					tr.Metrics["ttft_p50"] *= c.confirmed[tr.Block-4]
				}
			}
		}
		rec := analyse(t, r).Recommendations[0]
		if !rec.ConfirmedBetter() {
			t.Fatalf("%s: %s", c.what, rec.Standing())
		}
		i := slices.IndexFunc(rec.TradeOffs, func(o TradeOff) bool { return o.Metric == "ttft_p50" })
		if (i >= 0) != c.want || i >= 0 && (rec.TradeOffs[i].Screening != c.screening || rec.TradeOffs[i].Ratio.Verdict != Worse) {
			t.Errorf("%s: %+v", c.what, rec.TradeOffs)
		}
	}
}

// A baseline that moves by more than a fifth between rounds is to blame for an
// open answer, not for one that the rounds have in common.
func TestBaselineTooNoisy(t *testing.T) {
	run := func(baseline, changed []float64) Recommendation {
		r := newRun(2, 1)
		for b := range baseline {
			r.add(0, 0, b+1, one(throughput, baseline[b]))
			r.add(1, 0, b+1, one(throughput, changed[b]))
		}
		r.in.UseCases = append(r.in.UseCases, maximise())
		return analyse(t, r).Recommendations[0]
	}
	n, noisy := run([]float64{100, 180, 90, 150}, []float64{170, 90, 160, 120}).TooNoisy()
	if !noisy || n.Subject != (notice.Subject{Kind: notice.Result, ID: cellID(0, 0)}) ||
		!strings.Contains(n.Text(), "throughput recommendation is unreliable: "+
			"output throughput of the unchanged baseline varies by 33.8% over 4 rounds") || n.Remedy() == "" {
		t.Errorf("%v: %s %s (%+v)", noisy, n.Text(), n.Remedy(), n.Subject)
	}
	for what, rec := range map[string]Recommendation{
		"quiet":              run([]float64{100, 101, 99, 100}, []float64{101, 99, 100, 101}),
		"rounds move alike":  run([]float64{100, 180, 90, 150}, []float64{150, 271, 134, 226}),
		"the baseline is it": run([]float64{100, 180, 90, 150}, []float64{20, 36, 17, 31}),
	} {
		if n, noisy := rec.TooNoisy(); noisy {
			t.Errorf("%s: %s", what, n.Text())
		}
	}
}
