package report

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

// doubt is one reason to trust the numbers less.
type doubt struct {
	Text  string
	Where string // what it concerns, where that is less than the run
}

// doubts gathers the reasons for doubt about the run as a whole, the gravest
// first.
func (b *build) doubts(figures []figureView) []doubt {
	var d doubtList
	b.recordDoubts(&d)
	said := b.Findings.CountWarnings() // recordDoubts and precisionDoubts say it with more
	for _, w := range slices.Concat(b.Findings.Warnings, b.Plan.Warnings) {
		if !slices.Contains(said, w) {
			d.add(w, "")
		}
	}
	b.sharedDoubts(&d)
	b.precisionDoubts(&d)
	b.checkDoubts(&d)
	if pairs := b.Findings.NotTested; len(pairs) > 0 {
		text := "not tested: how " + pairs[0][0] + " and " + pairs[0][1] + " act together"
		if len(pairs) > 1 {
			text += fmt.Sprintf(", and %s of parameters", say.Count(len(pairs)-1, "further pair"))
		}
		d.add(text, "")
	}
	if b.Provenance != nil {
		for _, w := range b.Provenance.Warnings {
			d.add(w, "")
		}
	}
	for _, w := range b.Warnings {
		d.add(w, "")
	}
	for _, f := range figures {
		if f.Broken != "" {
			d.add("a figure could not be embedded: "+f.Broken, f.Title)
		}
	}
	return d.list()
}

// notes gathers the doubts about single cells, trials and starts.
func (b *build) notes() []doubt {
	var d doubtList
	for _, c := range b.Findings.Cells {
		for _, w := range c.Warnings {
			d.add(w, c.Label+" at "+c.PointLabel)
		}
	}
	for _, t := range b.Trials {
		for _, w := range t.Warnings {
			if !slices.Contains(b.cells[t.Cell].Warnings, w) {
				d.add(w, t.ID)
			}
		}
	}
	for _, c := range b.Findings.Checks {
		d.add(c.Check+": "+c.Text, cmp.Or(c.Trial, c.Configuration))
	}
	b.startDoubts(&d)
	return d.list()
}

// recordDoubts are trials that are missing, failed or do not count.
func (b *build) recordDoubts(d *doubtList) {
	planned, done := b.progress()
	if done < planned {
		d.add(fmt.Sprintf("%d of %d planned trials are missing", planned-done, planned), "")
	}
	b.discountedDoubts(d)
	b.cooldownDoubts(d)
	failed, skipped := map[string]int{}, 0
	for _, t := range b.Trials {
		switch t.Outcome {
		case rundir.OutcomeInvalid:
			reason := "no reason is recorded"
			if len(t.Reasons) > 0 {
				reason = t.Reasons[0]
			}
			d.add("measured but not counted: "+reason, t.ID)
		case rundir.OutcomeFailed:
			failed[t.FailureCause()]++
		case rundir.OutcomeSkipped:
			skipped++
		}
	}
	if text := analysis.FailureText(failed); text != "" {
		d.add(text, "see Failures")
	}
	if skipped > 0 {
		d.add(say.Count(skipped, "trial")+" skipped: the server cannot start, or a lower point of the load saturated it", "see the trials")
	}
}

// sharedDoubts says how exact latencies are where client and server shared the
// processors, in the worst trial that counts. Of a simulated server the page says enough.
func (b *build) sharedDoubts(d *doubtList) {
	var n int
	var mean, late, share float64
	why := ""
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
	d.add(fmt.Sprintf("the load generator shared the machine with the server in %s (%s): it sent up to %s late on average and up to %s (%s of the median TTFT) at the highest percentile shown, and latencies contain that",
		say.Count(n, "trial"), cmp.Or(why, "declared"), say.Seconds(mean), say.Seconds(late),
		say.Percent(share)), "")
}

// precisionDoubts say where the design is too small or too weak for claims.
func (b *build) precisionDoubts(d *doubtList) {
	if b.Plan.Order == experiment.Sequential && len(b.Plan.Warnings) == 0 {
		d.add("order sequential: trials of a configuration ran one after another, so drift over the night can look like a difference", "")
	}
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
		d.add(say.Count(one, "cell")+" with a single trial (n=1): a value without an interval, no verdict", "")
	}
	b.rangeDoubt(d)
	if slo > 0 && len(b.Plan.SLO) > 0 {
		d.add("for "+say.Count(slo, "cell")+" the data cannot tell whether the SLO is met", "")
	}
	unconfirmed := slices.ContainsFunc(b.Findings.Recommendations, func(r analysis.Recommendation) bool {
		return r.Cell != "" && !r.Confirmed && len(r.Doubts) == 0 && r.Confirmation != analysis.StandingNotNeeded
	})
	if unconfirmed {
		d.add("recommendations that are not confirmed rest on the trials that selected them; the best of many looks better than it is", "")
	}
}

// checkDoubts tell of trials and configurations that contradict themselves:
// how many checks fired, with the words of the first of each kind.
func (b *build) checkDoubts(d *doubtList) {
	number, first := map[string]int{}, map[string]string{}
	var order []string
	for _, c := range b.Findings.Checks {
		if number[c.Check]++; number[c.Check] == 1 {
			order = append(order, c.Check)
			first[c.Check] = c.Text
		}
	}
	for _, name := range order {
		d.add(fmt.Sprintf("consistency check %s fired %s; the first: %s", name, times(number[name]), first[name]), "")
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// rangeDoubt names the estimates whose interval is the range of two trials: a
// cell may have them beside others that borrow the spread of all cells.
func (b *build) rangeDoubt(d *doubtList) {
	cells, metrics := map[string]bool{}, map[string]bool{}
	for _, c := range b.Findings.Cells {
		for name, e := range c.Estimates {
			if e.Method == analysis.MethodRange && e.HasInterval() {
				cells[c.ID], metrics[name] = true, true
			}
		}
	}
	if len(cells) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(metrics))
	if n := len(names); n > 4 {
		names = append(names[:3:3], fmt.Sprintf("and %d more metrics", n-3))
	}
	d.add(fmt.Sprintf("%s with two trials of %s, where no spread can be borrowed from other cells: they show their range, which is not a confidence interval",
		say.Count(len(cells), "cell"), strings.Join(names, ", ")), "")
}

func (b *build) startDoubts(d *doubtList) {
	for _, s := range b.Starts {
		for _, w := range s.Warnings {
			d.add(w, s.ID)
		}
		if s.Outcome == rundir.StartLaunching {
			d.add("a start has no outcome: it was in flight when this was written, or its runner was killed", s.ID)
		}
		if s.Stopped != nil && !s.Released {
			d.add("resources were not seen released after the stop", s.ID)
		}
	}
}

// doubtList keeps doubts in order of arrival and joins those that differ in
// nothing but their numbers: the first stands for all, with their places.
type doubtList struct {
	keys   []string
	texts  map[string]string
	places map[string][]string
	varied map[string]bool // the figures are the first place's only
}

var digits = regexp.MustCompile(`[0-9]+([.,][0-9]+)*`)

func (l *doubtList) add(text, where string) {
	if l.texts == nil {
		l.texts, l.places, l.varied = map[string]string{}, map[string][]string{}, map[string]bool{}
	}
	key := digits.ReplaceAllString(text, "0")
	if where == "" {
		key = text // about the run: nothing to join by
	}
	if _, ok := l.texts[key]; !ok {
		l.keys = append(l.keys, key)
		l.texts[key] = text
	}
	l.varied[key] = l.varied[key] || l.texts[key] != text
	if where != "" && !slices.Contains(l.places[key], where) {
		l.places[key] = append(l.places[key], where)
	}
}

func (l *doubtList) list() []doubt {
	var out []doubt
	for _, key := range l.keys {
		places := l.places[key]
		where := strings.Join(places, ", ")
		switch {
		case len(places) > 1 && len(places) <= 3 && l.varied[key]:
			where = places[0] + "; the like for " + strings.Join(places[1:], ", ")
		case len(places) > 3:
			where = fmt.Sprintf("%s, and the like in %d other places", strings.Join(places[:2], ", "), len(places)-2)
		}
		out = append(out, doubt{l.texts[key], where})
	}
	return out
}
