package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// answerLines is how many lines the first screen has at most.
const answerLines = 25

// Ending is what the first screen says of a run besides its findings.
type Ending struct {
	Took time.Duration // that sweep worked on it; 0: not known
	Dir  string        // the run directory, as it is to be typed
	Page string        // the report's page; empty: not written
}

// answerScreen builds the first screen.
type answerScreen struct {
	Terminal
	Input
	Ending
	width int
	cells map[string]analysis.Cell // of the screening and the confirmation runs
}

// Answer writes the first screen: what to change, what it brings and costs, the
// load that this was measured at, and what to know before acting on it. It fits
// into 25 lines.
func (t Terminal) Answer(w io.Writer, in Input, end Ending) error {
	s := newScreen(t, in, end)
	head, tail := s.head(), s.tail()
	room := answerLines - len(head) - 1 - len(tail) - 1
	body, table := s.recommendations(room)
	out := append(head, "")
	out = append(out, body...)
	if point, ok := s.shownPoint(); ok && table {
		out = append(append(out, ""), s.load(point, room-len(body)-1)...)
	}
	out = append(append(out, ""), tail...)
	_, err := io.WriteString(w, strings.Join(out, "\n")+"\n")
	return err
}

func newScreen(t Terminal, in Input, end Ending) *answerScreen {
	s := &answerScreen{Terminal: t, Input: in, Ending: end, width: t.columns(), cells: map[string]analysis.Cell{}}
	if c := in.Findings.Confirm; c != nil {
		for _, x := range c.Cells {
			s.cells[x.ID] = x
		}
	}
	for _, x := range in.Findings.Cells {
		s.cells[x.ID] = x
	}
	return s
}

// clip cuts a line to the terminal and colors it.
func (s *answerScreen) clip(color, line string) string {
	return s.paint(color, say.Clip(line, s.width))
}

// head says what was run, and what nobody may miss about it.
func (s *answerScreen) head() []string {
	b := &build{Input: s.Input}
	planned, done := b.progress()
	state := "finished"
	switch {
	case !s.Finished || done < planned:
		state = fmt.Sprintf("%d of %d trials recorded", done, planned)
	case s.Provenance != nil && s.Provenance.Imported != nil:
		state = "imported"
	case s.Took > 0:
		state = "done in " + say.Duration(s.Took)
	}
	repeated := 0
	for _, t := range s.Trials {
		if t.Repeats != "" {
			repeated++
		}
	}
	extent := fmt.Sprintf("%s × %s, %s", say.Count(len(s.Plan.Configurations), "configuration"), say.Count(len(s.Plan.LoadPoints), "load"), say.Count(planned, "trial"))
	if repeated > 0 {
		extent += fmt.Sprintf(" (%d repeated)", repeated)
	}
	out := []string{s.clip(bold, fmt.Sprintf("%s: %s. %s", s.Plan.Name, state, extent))}
	if simulated(s.Input) {
		gpu := ""
		if s.Provenance != nil {
			gpu = s.Provenance.Backend["simulated_gpu"]
		}
		out = append(out, s.clip(yellow, strings.TrimSpace("SIMULATED "+gpu)+": not a GPU measurement"))
	}
	for _, r := range s.Findings.Recommendations {
		if n, ok := r.TooNoisy(); ok { // one stands for all: the machine is the same
			for _, line := range lines(n.Text()+" "+n.Remedy(), s.width) {
				out = append(out, s.paint(yellow, line))
			}
			break
		}
	}
	return out
}

// tail is what to know, and where to look next.
func (s *answerScreen) tail() []string {
	const label = 9
	var out []string
	if text := s.caveats(s.width - label); text != "" {
		out = append(out, s.paint(yellow, "CAVEATS")+"  "+text)
	}
	if s.Page != "" {
		out = append(out, s.paint(bold, "REPORT")+"   "+s.Page)
	}
	return append(out, s.paint(bold, "NEXT")+"     sweep analyze --details "+say.ShellWord(cmp.Or(s.Dir, "DIR")))
}

// caveats are the reasons for doubt that fit into one line, those of the
// recommendations first, and the number of the others.
func (s *answerScreen) caveats(width int) string {
	var all []string
	add := func(text string) {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, f := range s.Findings.Failures {
		add(f.Label + " " + f.When())
	}
	s.each(add, func(r analysis.Recommendation) []string {
		if c, ok := s.cells[r.Cell]; !ok || c.Baseline || r.Confirmed {
			return nil
		}
		return []string{r.Standing()}
	})
	s.each(add, func(r analysis.Recommendation) []string { return r.Doubts })
	for _, w := range s.Findings.Warnings {
		add(w)
	}
	if len(all) == 0 {
		return ""
	}
	var shown []string
	more := func(shown []string) string {
		text := strings.Join(shown, "; ")
		if n := len(all) - len(shown); n > 0 {
			text += fmt.Sprintf("; %d more", n)
		}
		return text
	}
	for _, text := range all {
		if next := append(slices.Clone(shown), text); columns(more(next)) <= width {
			shown = next
		}
	}
	if len(shown) == 0 {
		tail := ""
		if len(all) > 1 {
			tail = fmt.Sprintf("; %d more", len(all)-1)
		}
		return say.Clip(all[0], width-columns(tail)) + tail
	}
	return more(shown)
}

// each adds the texts of all recommendations, each once, with the use cases that
// it is said of where that is not all of them.
func (s *answerScreen) each(add func(string), of func(analysis.Recommendation) []string) {
	var texts []string
	names := map[string][]string{}
	for _, r := range s.Findings.Recommendations {
		for _, text := range of(r) {
			if names[text] == nil {
				texts = append(texts, text)
			}
			names[text] = append(names[text], r.UseCase)
		}
	}
	for _, text := range texts {
		if n := names[text]; len(n) < len(s.Findings.Recommendations) {
			add(say.Few(n, 2) + ": " + text)
		} else {
			add(text)
		}
	}
}

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
			for _, line := range lines(note, s.width-columns(label)) {
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
	first, below := "", slices.ContainsFunc(strings.Fields(strings.Join(flags, " ")), func(w string) bool { return columns(w) > width })
	if below {
		first, indent, width = "(below)", 4, s.width-4
	}
	line := ""
	for _, f := range flags {
		if line != "" && columns(line)+1+columns(f) > width {
			rest, line = append(rest, line), ""
		}
		pieces := lines(strings.TrimPrefix(line+" "+f, " "), width)
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
	if r.Refused != "" || r.Cell == "" {
		return block{cells: []styled{name, {"none", red}, {"", plain}, {"no answer", red}}, change: []string{"none"}, notes: s.refusal(r)}
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
		return []string{say.Line(r.Refused, 2*s.width)}
	}
	var missed []string
	for _, k := range m.Constraints {
		switch {
		case k.Holds:
		case k.Value == nil:
			missed = append(missed, metric.Short(k.Metric)+" not measured")
		default:
			missed = append(missed, fmt.Sprintf("%s %s, limit %s", metric.Short(k.Metric), say.Metric(k.Metric, *k.Value), say.Metric(k.Metric, k.Limit)))
		}
	}
	return []string{say.Line(fmt.Sprintf("every result misses a limit; nearest: %s at %s (%s)", m.Label, m.PointLabel, strings.Join(missed, "; ")), 2*s.width)}
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
		if n := len(r.Ties); n > 0 {
			return styled{fmt.Sprintf("tied with %d", n), plain}
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
	if c, ok := s.Plan.Configuration(r.Configuration); ok && c.Baseline {
		return []string{cmp.Or(ties, "no other configuration comes near it")}
	}
	if s.Findings.Baseline != "" {
		out = append(out, s.price(r))
	}
	if q := r.Ratio; q != nil {
		switch {
		case q.Verdict == analysis.Undecided && (leans(*q) || q.MoreTrials == 0):
			out = append(out, "undecided: "+q.Reason)
		case q.Verdict == analysis.Undecided:
			out = append(out, fmt.Sprintf("undecided: about %s would decide it", say.Count(q.MoreTrials, "more round")))
		case q.Verdict == analysis.NotComparable:
			out = append(out, q.Reason)
		}
		base := s.cells[r.BaselineCell]
		switch {
		case !r.BaselineQualifies:
			out = append(out, "the baseline meets the limits at no load: compared at the same load")
		case r.SameLoad != nil:
			out = append(out, fmt.Sprintf("compared with the baseline at %s; at the same load %s: %s",
				shortPoint(base.PointLabel, r.Load), say.Change(r.SameLoad.Center), r.SameLoad.Verdict))
		}
	}
	if ties != "" {
		out = append(out, ties)
	}
	return out
}

// ties name the first configuration that a recommendation is tied with, at its
// load point, and count the others.
func (s *answerScreen) ties(r analysis.Recommendation) string {
	if len(r.Ties) == 0 {
		return ""
	}
	first := r.Ties[0]
	names := make([]string, len(r.Ties))
	names[0] = fmt.Sprintf("%s at %s (%s)", first.Label, shortPoint(first.PointLabel, r.Load), say.Metric(r.Objective, first.Estimate.Center))
	return "tied with " + say.Few(names, 1)
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
	for i := len(all) - 1; i > 0 && columns(line()) > s.width-18; i-- {
		texts[i] = tradeOffBrief(all[i])
	}
	return line()
}

// shortPoint is a load point without the name of a load that is known.
func shortPoint(label, load string) string { return strings.TrimPrefix(label, load+" ") }

// shownPoint is the load point that the screen has a table of: the one of the
// first recommendation that changes something, else of the first.
func (s *answerScreen) shownPoint() (string, bool) {
	chosen := ""
	for _, r := range s.Findings.Recommendations {
		id := r.Cell
		if id == "" && r.NearestMiss != nil {
			id = r.NearestMiss.Cell
		}
		c, ok := s.cells[id]
		if ok && !c.Baseline && r.Cell != "" {
			return c.LoadPoint, true
		}
		if ok && chosen == "" {
			chosen = c.LoadPoint
		}
	}
	if chosen == "" {
		for _, c := range s.Findings.Cells {
			if len(c.Estimates) > 0 {
				chosen = c.LoadPoint // the last load of the plan
			}
		}
	}
	return chosen, chosen != ""
}
