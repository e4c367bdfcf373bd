package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// doubt is one reason to trust the numbers less.
type doubt struct {
	Text  string
	Where string // what it concerns, where that is less than the run
	IDs   string // of the trials and launches among them: the names of their folders
	Code  string
}

// doubts gathers the reasons for doubt about the run as a whole, the gravest
// first.
func (b *build) doubts(figures []figureView) []doubt {
	var d, rest doubtList
	b.recordDoubts(&d)
	b.sharedDoubts(&rest)
	b.precisionDoubts(&rest)
	b.checkDoubts(&rest, func(s notice.Severity) bool { return s != notice.Note })
	for _, n := range b.Findings.Warnings {
		if !notice.Has(d, n.Code) && !notice.Has(rest, n.Code) { // the report says it with more
			d.add(n)
		}
	}
	d.add(b.Plan.Warnings...)
	d.add(rest...)
	if pairs := b.Findings.NotTested; len(pairs) > 0 {
		args := notice.Args{"one": notice.Text(pairs[0][0]), "other": notice.Text(pairs[0][1])}
		if len(pairs) > 1 {
			args["more"] = notice.Count(len(pairs) - 1)
		}
		d.add(notice.New("pairs-not-tested", args))
	}
	if b.Provenance != nil {
		d.add(b.Provenance.Warnings...)
	}
	d.add(b.Warnings...)
	for _, f := range figures {
		if f.Broken != "" {
			d.add(notice.New("figure-broken", notice.Args{"title": notice.Text(f.Title), "error": notice.Text(f.Broken)}))
		}
	}
	return b.merged(d)
}

// notes gathers the doubts about single cells, trials and starts.
func (b *build) notes() []doubt {
	var d doubtList
	for _, c := range b.Findings.Cells {
		d.about(notice.Result, c.ID, c.Warnings...)
	}
	for _, t := range b.Trials {
		for _, n := range t.Warnings {
			if !slices.ContainsFunc(b.cells[t.Cell].Warnings, n.Equal) {
				d.about(notice.Trial, t.ID, n)
			}
		}
	}
	b.checkDoubts(&d, func(s notice.Severity) bool { return s == notice.Note })
	b.startDoubts(&d)
	return b.merged(d)
}

// recordDoubts are trials that are missing, failed or do not count.
func (b *build) recordDoubts(d *doubtList) {
	planned, done := b.progress()
	if done < planned {
		d.add(notice.New("trials-missing", notice.Args{"n": notice.Count(planned - done), "planned": notice.Count(planned)}))
	}
	b.discountedDoubts(d)
	b.cooldownDoubts(d)
	failed, skipped := map[string]int{}, 0
	for _, t := range b.Trials {
		switch t.Outcome {
		case rundir.OutcomeInvalid:
			for _, n := range t.Reasons {
				if n.Severity != notice.Note { // what to do about the others
					d.about(notice.Trial, t.ID, n.As(notice.Discarded))
				}
			}
		case rundir.OutcomeFailed:
			failed[t.FailureCause()]++
		case rundir.OutcomeSkipped:
			skipped++
		}
	}
	if n, ok := analysis.FailedNotice(failed); ok {
		d.add(n)
	}
	if skipped > 0 {
		d.add(notice.New("trials-skipped", notice.Args{"n": notice.Count(skipped)}))
	}
}

// sharedDoubts says how exact latencies are where client and server shared the
// processors, in the worst trial that counts. Of a simulated server the page says enough.
func (b *build) sharedDoubts(d *doubtList) {
	var n int
	var mean, late, share float64
	var why *notice.Notice
	for _, t := range b.Trials {
		if c := t.Client; c != nil && c.SharedLimits && t.Outcome == rundir.OutcomeOK {
			n++
			mean, late, share = max(mean, c.OwnLagMean), max(late, c.OwnLag), max(share, c.OwnLagShare)
			why = cmp.Or(why, c.SharedBecause)
		}
	}
	if n == 0 || late == 0 || b.Provenance != nil && b.Provenance.Simulated {
		return
	}
	d.add(notice.New("client-shared", notice.Args{
		"n": notice.Count(n), "why": notice.Said(*cmp.Or(why, new(notice.New("declared", nil)))), "mean": notice.Seconds(mean), "late": notice.Seconds(late), "share": notice.Fraction(share),
	}))
}

// precisionDoubts say where the design is too small or too weak for claims.
func (b *build) precisionDoubts(d *doubtList) {
	one, slo := 0, 0
	for _, c := range b.Findings.Cells {
		if c.Trials == 1 {
			one++
		}
		if c.MeetsSLO == nil && len(c.Estimates) > 0 {
			slo++
		}
	}
	if one > 0 {
		d.add(notice.New("single-trials", notice.Args{"n": notice.Count(one)}))
	}
	b.rangeDoubt(d)
	if slo > 0 && len(b.Plan.SLO) > 0 {
		d.add(notice.New("slo-undecided", notice.Args{"n": notice.Count(slo)}))
	}
	unconfirmed := slices.ContainsFunc(b.Findings.Recommendations, func(r analysis.Recommendation) bool {
		return r.Cell != "" && !r.Confirmed && len(r.Doubts) == 0 && r.Confirmation != analysis.StandingNotNeeded
	})
	if unconfirmed {
		d.add(notice.New("unconfirmed", nil))
	}
}

// checkDoubts are contradictions in trials and between configurations.
func (b *build) checkDoubts(d *doubtList, with func(notice.Severity) bool) {
	for _, c := range b.Findings.Checks {
		if with(c.Notice.Severity) {
			d.add(c.Notice)
		}
	}
}

// rangeDoubt names the estimates whose interval is the range of two trials: a
// cell may have them beside others that borrow the spread of all cells.
func (b *build) rangeDoubt(d *doubtList) {
	cells, metrics := map[string]bool{}, map[string]bool{}
	for _, c := range b.Findings.Cells {
		for name, e := range c.Estimates {
			if e.Method == analysis.MethodRange && e.HasInterval() {
				cells[c.ID], metrics[metric.Short(name)] = true, true
			}
		}
	}
	if len(cells) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(metrics))
	if n := len(names); n > 4 {
		names = append(names[:3:3], fmt.Sprintf("%d more metrics", n-3))
	}
	d.add(notice.New("range-only", notice.Args{"n": notice.Count(len(cells)), "metrics": notice.List(names...)}))
}

func (b *build) startDoubts(d *doubtList) {
	for _, s := range b.Starts {
		d.about(notice.Launch, s.ID, s.Warnings...)
		if s.Outcome == rundir.StartLaunching {
			d.about(notice.Launch, s.ID, notice.New("launch-in-flight", nil))
		}
		if s.Stopped != nil && !s.Released {
			d.about(notice.Launch, s.ID, notice.New("not-released", nil))
		}
	}
}

// doubtList gathers notices with their subjects.
type doubtList []notice.Notice

// add takes notices about the run, or with a subject of their own.
func (l *doubtList) add(list ...notice.Notice) { *l = append(*l, list...) }

// about takes notices that a record holds: where they have no subject, they are
// about what the record is of.
func (l *doubtList) about(kind notice.Kind, id string, list ...notice.Notice) {
	for _, n := range list {
		if n.Subject == (notice.Subject{}) {
			n = n.On(kind, id)
		}
		*l = append(*l, n)
	}
}

// merged joins notices of one code: the first stands for all, with their places.
func (b *build) merged(l doubtList) []doubt {
	var out []doubt
	for _, g := range notice.Merge(l) {
		var places, ids []string
		for _, s := range g.Subjects {
			if p := b.place(s); p != "" {
				places = append(places, p)
			}
			if s.Kind == notice.Trial || s.Kind == notice.Launch {
				ids = append(ids, s.ID)
			}
		}
		where := strings.Join(places, ", ")
		switch {
		case len(places) > 1 && len(places) <= 3 && g.Differs:
			where = places[0] + "; also in " + strings.Join(places[1:], ", ")
		case len(places) > 3:
			where = fmt.Sprintf("%s and %d others", strings.Join(places[:2], ", "), len(places)-2)
		}
		text := say.Typographic(g.String())
		if g.Severity == notice.Discarded {
			text = "Trial discarded: " + text
		}
		out = append(out, doubt{text, where, strings.Join(ids, ", "), string(g.Code)})
	}
	return out
}

// place names a subject for people.
func (b *build) place(s notice.Subject) string {
	switch s.Kind {
	case notice.Result:
		c := b.cells[s.ID]
		return c.Label + " at " + c.PointLabel
	case notice.Trial:
		for _, t := range b.Trials {
			if c := b.cells[t.Cell]; t.ID == s.ID && c.ID != "" {
				return c.Label + " at " + c.PointLabel + ", " + matrix.RoundText(b.Plan.Round(t.Block))
			}
		}
	case notice.Launch:
		for _, l := range b.Starts {
			if l.ID == s.ID {
				return l.Label + ", " + matrix.RoundText(b.Plan.Round(l.Block))
			}
		}
	case notice.Configuration:
		if c, ok := b.Plan.Configuration(s.ID); ok {
			return c.Label
		}
	}
	return s.ID
}
