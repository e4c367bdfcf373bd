package report

import (
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

// failureView is a configuration that could not be measured.
type failureView struct {
	ID       string // anchor on the page
	Label    string
	Class    string
	When     string
	Cause    string
	Remedy   string
	Evidence []string // log lines of the first failed start that kept some
	Exit     string
	Logs     []link
}

// link is a file of the run directory, relative to the report.
type link struct{ Text, Path string }

func failureID(i int) string { return fmt.Sprintf("failure-%d", i+1) }

func (b *build) failures() []failureView {
	var out []failureView
	for i, f := range b.Findings.Failures {
		out = append(out, b.failure(i, f))
	}
	return out
}

func (b *build) failure(i int, f analysis.Failure) failureView {
	v := failureView{
		ID: failureID(i), Label: f.Label, Class: f.Class, Cause: f.Cause(), Remedy: f.Remedy.Text(),
		When: failedWhen(f),
	}
	if len(f.Trials) > 0 {
		v.Class = say.Count(len(f.Trials), "trial")
	}
	for _, id := range f.Starts {
		if !f.Skipped {
			v.Logs = append(v.Logs, link{id, rundir.LogLink(id)})
		}
		d := b.starts[id].Diagnosis
		if d == nil {
			continue
		}
		if len(v.Evidence) == 0 {
			v.Evidence = slices.Clone(d.Evidence)
		}
		if v.Exit == "" && d.Exit != nil {
			v.Exit = fmt.Sprintf("exit code %d", d.Exit.Code)
			if d.Exit.Detail != "" {
				v.Exit += ", " + d.Exit.Detail
			}
		}
	}
	return v
}

// effectTable is each level of each parameter alone against the baseline.
type effectTable struct {
	Columns []column
	Rows    []effectRow
}

type effectRow struct {
	Parameter, Level, Point string
	Comparisons             []*comparison // nil: no ratio
}

func (b *build) effects() effectTable {
	t := effectTable{}
	for _, c := range b.columns() {
		if slices.ContainsFunc(b.Findings.Effects, func(e analysis.Effect) bool { _, ok := e.Ratios[c.Metric]; return ok }) {
			t.Columns = append(t.Columns, c)
		}
	}
	for _, e := range b.Findings.Effects {
		row := effectRow{Parameter: e.Parameter, Level: e.Level, Point: e.LoadPoint}
		if l, ok := b.Plan.LoadPoint(e.LoadPoint); ok {
			row.Point = l.Label
		}
		for _, c := range t.Columns {
			var cmp *comparison
			if r, ok := e.Ratios[c.Metric]; ok {
				cmp = newComparison(r)
			}
			row.Comparisons = append(row.Comparisons, cmp)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
