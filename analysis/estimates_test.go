package analysis

import (
	"math"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
)

func analyse(t *testing.T, r *run) *Findings {
	t.Helper()
	f, err := Analyze(r.in)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func one(name string, v float64) map[string]float64 { return map[string]float64{name: v} }

// Logs of 100, 110, 121 are ln 1.1 apart: geometric mean 110, half-width
// 4.302653 × ln 1.1 / √3.
func TestOwnInterval(t *testing.T) {
	r := newRun(1, 1)
	for i, v := range []float64{110, 121, 100} {
		r.add(0, 0, i+1, one(throughput, v))
	}
	e := analyse(t, r).Cells[0].Estimates[throughput]
	h := 4.302653 * math.Log(1.1) / math.Sqrt(3)
	near(t, "center", e.Center, 110, 1e-9)
	near(t, "lo", e.Lo, 110*math.Exp(-h), 1e-4)
	near(t, "hi", e.Hi, 110*math.Exp(h), 1e-4)
	if e.Method != MethodOwn || e.N != 3 || len(e.Values) != 3 {
		t.Errorf("method %q, n=%d, %d values", e.Method, e.N, len(e.Values))
	}
}

// Two cells in three blocks: log differences 1%, 2%, 6% have mean 3%, standard
// error sqrt(7/3)% and t = 3/sqrt(7/3) with 2 df, whose p is 1 - t/sqrt(2+t²).
func TestPairedRatio(t *testing.T) {
	r := newRun(2, 1)
	for b, d := range []float64{.01, .02, .06} {
		r.add(0, 0, b+1, one(throughput, 100*math.Exp(float64(b))))
		r.add(1, 0, b+1, one(throughput, 100*math.Exp(float64(b)+d)))
	}
	q := analyse(t, r).Cells[1].Ratios[throughput]
	se := math.Sqrt(7.0/3) / 100
	near(t, "ratio", q.Center, math.Exp(.03), 1e-9)
	near(t, "lo", q.Lo, math.Exp(.03-4.302653*se), 1e-6)
	near(t, "hi", q.Hi, math.Exp(.03+4.302653*se), 1e-6)
	s := .03 / se
	near(t, "p", q.P, 1-s/math.Sqrt(2+s*s), 1e-9)
	near(t, "one comparison is not corrected", q.PAdjusted, q.P, 0)
	if q.Verdict != Undecided || !notice.Has(q.Reasons, "interval-spans-one") || q.MoreTrials < 1 {
		t.Errorf("verdict %q, %q, %d more", q.Verdict, q.Reason(), q.MoreTrials)
	}
}

func unequalRun(t *testing.T, factor float64) *Findings {
	r := newRun(9, 1)
	for b := range 6 {
		x := float64(b%3-1) / 100 // -1%, 0, 1%
		for c := range 8 {
			r.add(c, 0, b+1, one(throughput, 100*math.Exp(x*float64(1-2*((b/3+c)%2)))))
		}
		r.add(8, 0, b+1, one(throughput, 100*math.Exp(factor*x)))
	}
	return analyse(t, r)
}

// A ninth cell with eight times the spread takes the pooled variance away; one
// with fifty times stands apart, and the others keep theirs.
func TestUnequalVariances(t *testing.T) {
	f := unequalRun(t, 8)
	for _, c := range f.Cells {
		if m := c.Estimates[throughput].Method; m != MethodOwn {
			t.Errorf("%s: %s", c.Label, m)
		}
	}
	if !contains(f.Warnings, "variances-differ") {
		t.Errorf("no warning: %q", f.Warnings)
	}
	// Welch by hand: both variances are 6 values of -1, 0, 1%: 0.8e-4, so the
	// standard error is sqrt(2 × 0.8e-4 / 6) and df = 10.
	q := f.Cells[1].Ratios[throughput]
	near(t, "hi", q.Hi, math.Exp(2.228139*math.Sqrt(2*.8e-4/6)), 1e-6)

	for i, c := range unequalRun(t, 50).Cells {
		if own := c.Estimates[throughput].Method == MethodOwn; own != (i == 8) {
			t.Errorf("%s: %s", c.Label, c.Estimates[throughput].Method)
		}
	}
}

// Blocks offer 0, +10 and -5%, which the first three cells follow within
// 0.1% and the saturated fourth does not: the three keep their own small
// variance, and the fourth is compared by the paired t-test, whose differences
// are -20% less the offered changes.
func TestSaturatedCell(t *testing.T) {
	r := newRun(4, 1)
	noise := [][]float64{{0, 1, -1}, {1, -1, 0}, {-1, 0, 1}}
	for b, offered := range []float64{0, .10, -.05} {
		for c := range 3 {
			r.add(c, 0, b+1, one(throughput, 100*math.Exp(offered+.001*noise[b][c])))
		}
		r.add(3, 0, b+1, one(throughput, 100*math.Exp(-.2)))
	}
	f := analyse(t, r)
	for i, want := range []string{MethodPooled, MethodPooled, MethodPooled, MethodOwn} {
		if c := f.Cells[i]; c.Estimates[throughput].Method != want {
			t.Errorf("%s: %+v", c.Label, c.Estimates[throughput])
		}
	}
	for _, c := range f.Cells[1:3] {
		if q := c.Ratios[throughput]; q.Verdict != Equivalent || math.Log(q.Hi/q.Lo) > .01 {
			t.Errorf("%s: %+v", c.Label, q)
		}
	}
	q := f.Cells[3].Ratios[throughput]
	ds := []float64{-.2 - 0, -.2 - .101, -.2 + .051}
	mean := (ds[0] + ds[1] + ds[2]) / 3
	ss := 0.0
	for _, d := range ds {
		ss += (d - mean) * (d - mean)
	}
	near(t, "ratio", q.Center, math.Exp(mean), 1e-9)
	near(t, "hi", q.Hi, math.Exp(mean+4.302653*math.Sqrt(ss/2/3)), 1e-6)
	if !notice.Has(f.Cells[3].Warnings, "stands-apart") {
		t.Errorf("warnings %q", f.Cells[3].Warnings)
	}
}

func TestFewTrials(t *testing.T) {
	r := newRun(2, 1)
	r.add(0, 0, 1, one(throughput, 100))
	r.add(1, 0, 1, one(throughput, 110))
	f := analyse(t, r)
	e, q := f.Cells[1].Estimates[throughput], f.Cells[1].Ratios[throughput]
	if e.Method != MethodPoint || e.HasInterval() || e.Center != 110 {
		t.Errorf("n=1: %+v", e)
	}
	if q.Verdict != Undecided || q.Reason() != "n=1" || q.HasInterval() || q.P != 0 {
		t.Errorf("n=1: %+v", q)
	}
	near(t, "ratio of n=1", q.Center, 1.1, 1e-9)

	r.add(0, 0, 2, one(throughput, 102))
	r.add(1, 0, 2, one(throughput, 115))
	f = analyse(t, r)
	e, q = f.Cells[1].Estimates[throughput], f.Cells[1].Ratios[throughput]
	if e.Method != MethodRange || e.Lo != 110 || e.Hi != 115 {
		t.Errorf("n=2 without a pooled variance: %+v", e)
	}
	if q.Verdict != Undecided || q.Reason() != "n=2" {
		t.Errorf("n=2: %+v", q)
	}
}

func TestZeroValues(t *testing.T) {
	r := newRun(3, 1)
	for b := range 3 {
		r.add(0, 0, b+1, map[string]float64{"error_rate": 0, "goodput": 5})
		r.add(1, 0, b+1, map[string]float64{"error_rate": []float64{0, .01, .02}[b], "goodput": 0})
		r.add(2, 0, b+1, map[string]float64{"error_rate": .01, "goodput": 5})
	}
	f := analyse(t, r)
	e := f.Cells[1].Estimates["error_rate"]
	near(t, "arithmetic mean", e.Center, .01, 1e-12)
	near(t, "hi", e.Hi, .01+4.302653*.01/math.Sqrt(3), 1e-7)
	if e.Method != MethodArithmetic || e.Lo != 0 {
		t.Errorf("%+v", e)
	}
	if e := f.Cells[0].Estimates["error_rate"]; e.Center != 0 || e.HasInterval() {
		t.Errorf("all zero: %+v", e)
	}
	if q, ok := f.Cells[1].Ratios["error_rate"]; ok {
		t.Errorf("ratio to zero: %+v", q)
	}
	if q := f.Cells[2].Ratios["goodput"]; q.Center != 1 || q.Verdict != Undecided || !notice.Has(q.Reasons, "no-variation") {
		t.Errorf("constant values: %+v", q)
	}
}

func TestRepeatsOnOneStart(t *testing.T) {
	r := newRun(2, 1)
	r.in.Plan.Order = experiment.Sequential
	for c := range 2 {
		for b := range 4 {
			v := (100 + 20*float64(c)) * math.Exp(.001*float64(b%2))
			r.add(c, 0, b+1, one(throughput, v)).Start = []string{"s1", "s2"}[c]
		}
	}
	for i := range r.in.Trials { // not exactly paired
		r.in.Trials[i].Metrics[throughput] *= 1 + .0001*float64(i*i%7)
	}
	f := analyse(t, r)
	if m := f.Cells[1].Estimates[throughput].Method; m != MethodWithinStart {
		t.Errorf("method %q", m)
	}
	if q := f.Cells[1].Ratios[throughput]; q.Verdict != Better || !notice.Has(q.Reasons, "launch-shared") {
		t.Errorf("verdict without doubt: %+v", q)
	}
	if !contains(f.Warnings, "order-sequential") {
		t.Errorf("warnings %q", f.Warnings)
	}
}

func TestVerdicts(t *testing.T) {
	r := newRun(4, 1)
	noise := []float64{0, .004, -.003, .001, -.002}
	for b := range 5 {
		for c, v := range []float64{100, 110, 92, 100.2} {
			e := noise[(b*2+c*3)%5]
			r.add(c, 0, b+1, map[string]float64{throughput: v * (1 + e), "ttft_p50": v / 1000 * (1 + e)})
		}
	}
	f := analyse(t, r)
	for i, want := range []string{"", Better, Worse, Equivalent} {
		if got := f.Cells[i].Ratios[throughput].Verdict; got != want {
			t.Errorf("%s throughput: %q, want %q", f.Cells[i].Label, got, want)
		}
	}
	for i, want := range []string{"", Worse, Better, Equivalent} {
		if got := f.Cells[i].Ratios["ttft_p50"].Verdict; got != want {
			t.Errorf("%s ttft: %q, want %q", f.Cells[i].Label, got, want)
		}
	}
}

func TestPartialMetric(t *testing.T) {
	r := newRun(1, 1)
	r.add(0, 0, 1, one("ttft_p99", .5))
	r.add(0, 0, 2, nil).Absent = map[string]string{"ttft_p99": "120 requests, 662 needed"}
	r.add(0, 0, 3, one("made_up", 1))
	r.add(0, 0, 4, one("e2e_p50", math.NaN()))
	f := analyse(t, r)
	c := f.Cells[0]
	if got := c.Absent["ttft_p99"]; got != "120 requests, 662 needed" {
		t.Errorf("absent: %q", got)
	}
	if e, ok := c.Estimates["e2e_p50"]; ok {
		t.Errorf("estimate of NaN: %+v", e)
	}
	if !contains(f.Warnings, "made_up") || !notice.Has(c.Warnings, "fewer-trials") {
		t.Errorf("warnings %q, %q", f.Warnings, c.Warnings)
	}
}

func TestRecordErrors(t *testing.T) {
	if _, err := Analyze(Input{}); err == nil {
		t.Error("no plan: no error")
	}
	r := newRun(1, 1)
	r.add(0, 0, 1, nil)
	r.in.Trials = append(r.in.Trials, r.in.Trials[0])
	if _, err := Analyze(r.in); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("trial twice: %v", err)
	}
	r = newRun(1, 1)
	r.add(0, 0, 1, nil).Outcome = "fine"
	if _, err := Analyze(r.in); err == nil || !strings.Contains(err.Error(), "outcome") {
		t.Errorf("unknown outcome: %v", err)
	}
	r = newRun(1, 1)
	r.in.Margin = 2
	if _, err := Analyze(r.in); err == nil {
		t.Error("margin 2: no error")
	}
	r = newRun(1, 1)
	r.in.Plan.Cells[0].LoadPoint = "p9"
	if _, err := Analyze(r.in); err == nil {
		t.Error("unknown load point: no error")
	}
}

// contains reports whether a notice of a list has a code, or says some words.
func contains(list []notice.Notice, part string) bool {
	for _, n := range list {
		if string(n.Code) == part || strings.Contains(n.Text(), part) {
			return true
		}
	}
	return false
}
