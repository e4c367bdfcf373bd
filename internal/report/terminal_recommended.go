package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// block is one recommendation on the screen.
type block struct {
	cells  []styled // use case, change, result, change from the baseline with its verdict
	change []string // the change again, one flag each with its value
	place  string   // load point
	notes  []string // what belongs to it, the most important first
}

// recommendations are the lines of all use cases, in at most room lines, and
// whether they leave room for a table of a load.
func (s *answerScreen) recommendations(room int) (out []string, table bool) {
	if len(s.Findings.Recommendations) == 0 {
		return []string{say.Clip("The experiment declares no use cases, so sweep recommends nothing.", s.width)}, true
	}
	const leastTable = 6 // blank, heading, baseline, another, two lines below
	const mostNotes = 4
	var blocks []block
	for _, r := range s.Findings.Recommendations {
		blocks = append(blocks, s.block(r))
	}
	for _, limit := range []int{room - leastTable, room} {
		for notes := mostNotes; notes > 0; notes-- {
			if out = s.blocks(blocks, notes); len(out) <= limit {
				return out, limit < room
			}
		}
	}
	for n := len(blocks) - 1; n > 0; n-- {
		out = append(s.blocks(blocks[:n], 1), "  "+say.Count(len(blocks)-n, "more use case")+": sweep analyze --details")
		if len(out) <= room {
			break
		}
	}
	return out[:min(len(out), room)], false
}

// blocks lays recommendations out as a table, with at most so many notes each.
func (s *answerScreen) blocks(blocks []block, notes int) []string {
	heads := []styled{{"RECOMMENDED", bold}, {"CHANGE TO MAKE", bold}, {"RESULT", bold}, {"VS BASELINE", bold}}
	widths, gaps := []int{9, 14, 6, 11}, []int{2, 2, 2, 2}
	for _, b := range blocks {
		for i, c := range b.cells {
			widths[i] = max(widths[i], columns(c.text))
		}
	}
	widths[0] = min(widths[0], 20)
	free := s.width
	for i := range widths {
		free -= gaps[i]
		if i != 1 {
			free -= widths[i]
		}
	}
	widths[1] = min(widths[1], max(free, 14))
	left := []bool{false, false, false, false}
	// The heading begins at the edge.
	out := []string{s.joined(heads, []int{widths[0] + gaps[0], widths[1], widths[2], widths[3]}, []int{0, 2, 2, 2}, left)}
	indent := gaps[0] + widths[0] + gaps[1]
	for _, b := range blocks {
		cells := slices.Clone(b.cells)
		first, rest := s.broken(b.change, indent, widths[1])
		cells[1].text = first
		out = append(append(out, s.joined(cells, widths, gaps, left)), rest...)
		for i, note := range b.notes[:min(len(b.notes), notes)] {
			label := ""
			if i == 0 && b.place != "" {
				label = "    at " + b.place
			}
			label = padded(label, indent-2, false) + "  "
			for _, line := range say.Wrap(note, s.width-columns(label)) {
				out = append(out, say.Clip(label+line, s.width))
				label = strings.Repeat(" ", indent)
			}
		}
	}
	return out
}

// broken breaks the flags of a change into the first line of its column and
// further whole lines, between flags where that goes. A change with a word that
// is too long for the column stands below.
func (s *answerScreen) broken(flags []string, indent, width int) (first string, rest []string) {
	words := strings.Fields(strings.Join(flags, " "))
	below := slices.ContainsFunc(words, func(w string) bool { return columns(w) > width })
	if below {
		first, indent, width = "(below)", 4, s.width-4
	}
	line := ""
	for _, f := range flags {
		if line != "" && columns(line)+1+columns(f) > width {
			rest, line = append(rest, line), ""
		}
		pieces := say.Wrap(strings.TrimPrefix(line+" "+f, " "), width)
		rest, line = append(rest, pieces[:len(pieces)-1]...), pieces[len(pieces)-1]
	}
	rest = append(rest, line)
	if !below {
		first, rest = rest[0], rest[1:]
	}
	for i := range rest {
		rest[i] = say.Clip(strings.Repeat(" ", indent)+rest[i], s.width)
	}
	return first, rest
}

func (s *answerScreen) block(r analysis.Recommendation) block {
	name := styled{say.Line(r.UseCase, 20), bold}
	if r.Cell == "" {
		const none = "no recommendation"
		return block{cells: []styled{name, {none, red}, {}, {}}, change: []string{none}, notes: s.refusal(r)}
	}
	b := block{change: s.change(r), place: r.PointLabel, notes: s.notes(r)}
	b.cells = []styled{name, {strings.Join(b.change, " "), plain}, {"", plain}, s.verdict(r)}
	if r.Estimate != nil {
		b.cells[2].text = resultText(r.Objective, r.Estimate.Center)
	}
	return b
}

// refusal says why there is no recommendation: the nearest miss, or the reason.
func (s *answerScreen) refusal(r analysis.Recommendation) []string {
	m := r.NearestMiss
	if m == nil {
		return []string{say.Line(notice.Join(r.Refused), 2*s.width)}
	}
	var missed []string
	for _, k := range m.Constraints {
		switch {
		case k.Holds:
		case k.Value == nil:
			missed = append(missed, metric.Short(k.Metric)+" not measured")
		default:
			missed = append(missed, fmt.Sprintf("%s %s, limit %s", metric.Short(k.Metric),
				say.Metric(k.Metric, *k.Value), say.Metric(k.Metric, k.Limit)))
		}
	}
	text := fmt.Sprintf("every result misses a limit; nearest: %s at %s (%s)",
		m.Label, m.PointLabel, strings.Join(missed, "; "))
	return []string{say.Line(text, 2*s.width)}
}

// change is what to change of the baseline: flags with their values, as on the
// command line.
func (s *answerScreen) change(r analysis.Recommendation) []string {
	c, _ := s.Plan.Configuration(r.Configuration)
	switch {
	case c.Baseline:
		return []string{"none: keep the baseline"}
	case len(c.Changed) == 0:
		return []string{r.Label}
	}
	var out []string
	for _, f := range c.Changed {
		if f.Kind == experiment.FlagUnset {
			out = append(out, "without --"+f.Name)
			continue
		}
		out = append(out, s.Plan.CommandLine(experiment.Flags{f}))
	}
	return out
}

// resultText is a value with the name of what it measures, where its unit does
// not tell: "5,191 tok/s", "30.7 ms TTFT p50".
func resultText(name string, v float64) string {
	text := say.Metric(name, v)
	if name == "output_throughput" || name == "request_throughput" || name == "output_throughput_per_gpu" {
		return text
	}
	return text + " " + metric.Short(name)
}

// verdict is the change from the baseline with its verdict in one word.
func (s *answerScreen) verdict(r analysis.Recommendation) styled {
	if c, ok := s.Plan.Configuration(r.Configuration); ok && c.Baseline {
		if r.Leader != nil {
			return styled{"UNDECIDED", yellow}
		}
		if n := len(r.Ties); n > 0 {
			return styled{"tied with " + say.Count(n, "other"), plain}
		}
		return styled{"nothing better", plain}
	}
	if r.Ratio == nil {
		return styled{"not compared", plain}
	}
	word, color := "UNDECIDED", yellow
	switch r.Ratio.Verdict {
	case analysis.Better:
		if word, color = "UNCONFIRMED", yellow; r.ConfirmedBetter() {
			word, color = "BETTER", green
		}
	case analysis.Equivalent:
		word, color = "TIED", plain
	case analysis.Worse:
		word, color = "WORSE", red
	case analysis.NotComparable:
		return styled{"NOT COMPARABLE", yellow}
	}
	return styled{padded(say.Change(r.Ratio.Center), 6, false) + " " + word, color}
}

// notes are what belongs to a recommendation: its price, why it is undecided,
// how it does at the same load, and what it is tied with.
func (s *answerScreen) notes(r analysis.Recommendation) []string {
	var out []string
	ties := s.ties(r)
	before := s.cells[r.ScreeningCell]
	overturned := ""
	if r.Confirmed && before.ID != "" && before.Configuration != r.Configuration {
		overturned = fmt.Sprintf("%s at %s was ahead in the screening runs only",
			before.Label, shortPoint(before.PointLabel, r.Load))
	}
	if l := r.Leader; l != nil {
		text := fmt.Sprintf("%s at %s is ahead: %s (%s), ", l.Label, shortPoint(l.PointLabel, r.Load),
			say.Metric(r.Objective, l.Estimate.Center), say.Change(l.Ratio.Center))
		out = append(out, text+undecided(l.Ratio))
	}
	if c, ok := s.Plan.Configuration(r.Configuration); ok && c.Baseline {
		if r.Leader != nil && ties == "" && overturned == "" {
			return out
		}
		out = append(out, cmp.Or(ties, overturned, "no other configuration comes near it"))
		if ties != "" && overturned != "" {
			out = append(out, overturned)
		}
		return out
	}
	if s.Findings.Baseline != "" {
		out = append(out, s.price(r))
	}
	if q := r.Ratio; q != nil {
		switch {
		case q.Verdict == analysis.Undecided:
			out = append(out, undecided(*q))
		case q.Verdict == analysis.NotComparable:
			out = append(out, q.Reason())
		}
		base := s.cells[r.BaselineCell]
		switch {
		case !r.BaselineQualifies:
			out = append(out, "the baseline meets the limits at no load point, so they are compared at the same one")
		case r.SameLoad != nil:
			out = append(out, fmt.Sprintf("compared with the baseline at %s; at the same load %s: %s",
				shortPoint(base.PointLabel, r.Load), say.Change(r.SameLoad.Center), r.SameLoad.Verdict))
		}
	}
	for _, note := range []string{overturned, ties} {
		if note != "" {
			out = append(out, note)
		}
	}
	return out
}

// undecided says why a comparison is open, or what would decide it.
func undecided(q analysis.Ratio) string {
	if q.Verdict == analysis.Undecided && !leans(q) && q.MoreTrials > 0 {
		return fmt.Sprintf("undecided: about %s would decide it", say.Count(q.MoreTrials, "more round"))
	}
	return q.Verdict + ": " + q.Reason()
}

// ties name the first configuration that a recommendation is tied with, at its
// load point, and count the others.
func (s *answerScreen) ties(r analysis.Recommendation) string {
	if len(r.Ties) == 0 {
		return ""
	}
	first := r.Ties[0]
	names := make([]string, len(r.Ties))
	names[0] = first.Label + " at " + shortPoint(first.PointLabel, r.Load)
	brief := "tied with " + say.Few(names, 1)
	names[0] += " (" + say.Metric(r.Objective, first.Estimate.Center) + ")"
	for _, text := range []string{"statistically tied with " + say.Few(names, 1), "statistically " + brief} {
		if columns(text) <= s.beside(r) {
			return text
		}
	}
	return brief
}

// beside is how many columns are left next to the load point of a recommendation.
func (s *answerScreen) beside(r analysis.Recommendation) int {
	return s.width - max(18, columns("    at "+r.PointLabel+"  "))
}

// price is the line of the trade-offs: with their values as far as a line holds
// them, then the changes alone.
func (s *answerScreen) price(r analysis.Recommendation) string {
	all := s.tradeOffs(r)
	if len(all) == 0 {
		return "trade-off: none found"
	}
	texts := make([]string, len(all))
	for i, t := range all {
		texts[i] = tradeOffText(t)
	}
	line := func() string { return "trade-off: " + strings.Join(texts, "; ") }
	for i := len(all) - 1; i > 0 && columns(line()) > s.beside(r); i-- {
		texts[i] = tradeOffBrief(all[i])
	}
	return line()
}

// shortPoint is a load point without the name of a load that is known.
func shortPoint(label, load string) string { return strings.TrimPrefix(label, load+" ") }
