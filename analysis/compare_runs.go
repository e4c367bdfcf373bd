package analysis

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Between compares two runs cell by cell: last month's and tonight's, or two
// versions of the server. Ratios are B over A.
type Between struct {
	Confidence float64         `json:"confidence"`
	Margin     float64         `json:"margin"`
	Metrics    []string        `json:"metrics"`
	Cells      []BetweenCell   `json:"cells"`            // that both runs measured, in the order of A
	Tests      int             `json:"tests"`            // ratios with a test; all are one family for Holm's correction
	OnlyA      []string        `json:"only_a,omitempty"` // cells that one run alone has
	OnlyB      []string        `json:"only_b,omitempty"`
	Warnings   []notice.Notice `json:"warnings,omitempty"`
}

// BetweenCell is one configuration at one load point in both runs.
type BetweenCell struct {
	Label      string              `json:"label"`
	PointLabel string              `json:"point_label"`
	CellA      string              `json:"cell_a"`
	CellB      string              `json:"cell_b"`
	A          map[string]Estimate `json:"a"` // by metric
	B          map[string]Estimate `json:"b"`
	Ratios     map[string]Ratio    `json:"ratios"` // B / A
}

// CompareRuns compares the blocks of b with those of a. Cells belong together
// when flags and load are the same; a configuration's ID is not asked, because
// it holds the image, which may be what is compared. Metrics empty: those that
// the questions of either run name, and the usual ones.
func CompareRuns(a, b Input, metrics []string) (*Between, error) {
	one, err := estimated(a)
	if err != nil {
		return nil, fmt.Errorf("first run: %w", err)
	}
	two, err := estimated(b)
	if err != nil {
		return nil, fmt.Errorf("second run: %w", err)
	}
	for _, m := range metrics {
		if _, err := metric.Parse(m); err != nil {
			return nil, err
		}
	}
	if len(metrics) == 0 {
		metrics = comparedMetrics(one, two)
	}
	out := &Between{Confidence: one.confidence, Margin: one.findings.Margin, Metrics: metrics, Cells: []BetweenCell{}, Warnings: []notice.Notice{notice.New("runs-once", nil)}}
	pairs := out.match(one, two)
	if len(pairs) == 0 {
		return nil, errors.New("the runs have no cell in common: no configuration with the same flags at the same load")
	}
	out.Warnings = append(out.Warnings, warnEnds(slices.Concat(a.Trials, b.Trials))...)
	var claims []claim
	for i, p := range pairs {
		for _, m := range metrics {
			sa, sb := one.series[seriesKey{p[0], m}], two.series[seriesKey{p[1], m}]
			if sa == nil || sb == nil {
				continue
			}
			out.Cells[i].A[m], out.Cells[i].B[m] = withoutValues(sa, one.confidence), withoutValues(sb, one.confidence)
			d := compare(sb, sa)
			if r, ok := d.ratio(one.confidence); ok {
				claims = append(claims, claim{cell: i, metric: m, r: r, d: d})
			}
		}
	}
	out.Tests = one.settleAll(claims)
	for _, c := range claims {
		out.crossCheck(&c.r, one.series[seriesKey{pairs[c.cell][0], c.metric}], two.series[seriesKey{pairs[c.cell][1], c.metric}])
		out.Cells[c.cell].Ratios[c.metric] = c.r
	}
	return out, nil
}

// leastRanks is how many values each side must have for the exact rank test to
// be able to say anything at 5%: with three a side its smallest p-value is 0.1.
const leastRanks = 4

// crossCheck adds the exact rank test where it can say anything: it assumes
// nothing of the distribution, and a verdict that it does not confirm says so.
func (out *Between) crossCheck(r *Ratio, a, b *series) {
	if len(a.reps) < leastRanks || len(b.reps) < leastRanks {
		return
	}
	var x, y []float64
	for _, v := range a.reps {
		x = append(x, v.value)
	}
	for _, v := range b.reps {
		y = append(y, v.value)
	}
	_, p, ok := stats.MannWhitney(x, y)
	if !ok {
		return
	}
	r.PRank = p
	if (r.Verdict == Better || r.Verdict == Worse) && p >= 1-out.Confidence {
		r.because(notice.New("rank-test-differs", notice.Args{"p": notice.Number(p)}))
	}
}

// estimated analyses the blocks of a run as far as estimates.
func estimated(in Input) (*analyser, error) {
	in.Trials = Judge(in)
	blocks, _ := splitConfirm(in)
	a, err := newAnalyser(blocks)
	if err != nil {
		return nil, err
	}
	a.estimate()
	return a, nil
}

func withoutValues(s *series, confidence float64) Estimate {
	e := s.estimate(confidence)
	e.Values = nil
	return e
}

// match pairs the cells of two runs and lists those without a partner.
func (out *Between) match(one, two *analyser) [][2]int {
	other := map[string]int{}
	for i, c := range two.findings.Cells {
		if c.Trials > 0 {
			other[two.cellKey(c)] = i
		}
	}
	used := map[int]bool{}
	var pairs [][2]int
	for i, c := range one.findings.Cells {
		if c.Trials == 0 {
			continue
		}
		j, ok := other[one.cellKey(c)]
		if !ok {
			out.OnlyA = append(out.OnlyA, c.Label+" at "+c.PointLabel)
			continue
		}
		used[j] = true
		pairs = append(pairs, [2]int{i, j})
		out.Cells = append(out.Cells, BetweenCell{
			Label: c.Label, PointLabel: c.PointLabel, CellA: c.ID, CellB: two.findings.Cells[j].ID,
			A: map[string]Estimate{}, B: map[string]Estimate{}, Ratios: map[string]Ratio{},
		})
	}
	for j, c := range two.findings.Cells {
		if c.Trials > 0 && !used[j] {
			out.OnlyB = append(out.OnlyB, c.Label+" at "+c.PointLabel)
		}
	}
	return pairs
}

// cellKey is the same for cells with the same flags and the same load.
func (a *analyser) cellKey(c Cell) string {
	conf, _ := a.in.Plan.Configuration(c.Configuration)
	var parts []string
	for _, f := range conf.Flags {
		if f.Kind != experiment.FlagUnset {
			parts = append(parts, f.Name+"\x00"+string(f.Kind)+"\x00"+f.Canonical())
		}
	}
	slices.Sort(parts)
	return strings.Join(append(parts, c.LoadPoint), "\x01")
}

// comparedMetrics are those that the runs were asked about, then the usual ones.
func comparedMetrics(runs ...*analyser) []string {
	var out []string
	add := func(name string) {
		shared := true
		for _, a := range runs {
			shared = shared && slices.Contains(a.metrics, name)
		}
		if shared && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, a := range runs {
		for _, u := range a.in.UseCases {
			add(u.Objective)
			for _, k := range u.SubjectTo {
				add(k.Metric)
			}
		}
		for _, k := range a.in.SLO {
			add(k.Metric)
		}
	}
	for _, name := range []string{throughput, "ttft_p50", "tpot_p50", "e2e_p50", "error_rate"} {
		add(name)
	}
	return out
}
