package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/notice"
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
	extent := fmt.Sprintf("%s × %s, %s", say.Count(len(s.Plan.Configurations), "configuration"),
		say.Count(len(s.Plan.LoadPoints), "load point"), say.Count(planned, "trial"))
	line := fmt.Sprintf("%s: %s. %s", s.Plan.Name, state, extent)
	if more := fmt.Sprintf(" (%d repeated)", repeated); repeated > 0 && columns(line+more) <= s.width {
		line += more
	}
	out := []string{s.clip(bold, line)}
	if simulated(s.Input) {
		gpu := ""
		if s.Provenance != nil {
			gpu = s.Provenance.Backend["simulated_gpu"]
		}
		out = append(out, s.clip(yellow, strings.TrimSpace("SIMULATED "+gpu)+": not a GPU measurement"))
	}
	for _, r := range s.Findings.Recommendations {
		if n, ok := r.TooNoisy(); ok { // one stands for all: the machine is the same
			for _, line := range say.Wrap(n.Text()+" "+n.Remedy(), s.width) {
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
		add(f.Label + " " + failedWhen(f))
	}
	clauses := func(list []notice.Notice) []string {
		out := notice.Texts(list)
		for i := range out {
			out[i] = clause(out[i])
		}
		return out
	}
	s.each(add, func(r analysis.Recommendation) []string {
		return clauses(slices.DeleteFunc(slices.Clone(r.Doubts), func(n notice.Notice) bool {
			return n.Code == analysis.CodeLeaderUndecided // stands above
		}))
	})
	for _, w := range clauses(s.Findings.Warnings) {
		add(w)
	}
	if len(all) == 0 {
		return ""
	}
	var shown []string
	more := func(shown []string) string {
		text := strings.Join(shown, "; ")
		if n := len(all) - len(shown); n > 0 {
			text += fmt.Sprintf("; +%d", n)
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
			tail = fmt.Sprintf("; +%d", len(all)-1)
		}
		return say.Clip(all[0], width-columns(tail)) + tail
	}
	return more(shown)
}

// clause is a sentence as a part of a list: without its period, and in lower case
// where it begins with a word and not with a name such as TTFT.
func clause(text string) string {
	text = strings.TrimSuffix(text, ".")
	if r := []rune(text); len(r) > 1 && unicode.IsUpper(r[0]) && unicode.IsLower(r[1]) {
		return string(unicode.ToLower(r[0])) + string(r[1:])
	}
	return text
}

// each adds the texts of all recommendations, each once, with the use case that
// it is said of where that is one of several.
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
		if n := names[text]; len(n) == 1 && len(s.Findings.Recommendations) > 1 {
			text = n[0] + ": " + text
		}
		add(text)
	}
}

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
