package launcher

import (
	"context"
	"regexp"
	"strings"
)

// Engine is what is known of one make of server: how its log reads and how it
// tells its configuration. Everything else in this package holds for any
// server that speaks the OpenAI protocol. Sub-packages vllm, sglang and
// llamacpp have one each; without one the general knowledge serves.
type Engine struct {
	Name string
	// Parse takes a line of the log apart; nil: the line is all text.
	Parse func(line string) LogLine
	// NewReader follows the log of one start; nil: it tells nothing.
	NewReader func() Reader
	// Rules classify messages, before the general ones; Hints are no causes,
	// but explain a start that never ends.
	Rules, Hints []Rule
	// Wrappers are fragments of messages that pass on that something failed
	// elsewhere: never the cause.
	Wrappers []string
	// Fatal are fragments of the lines with which an engine dies that had been
	// ready.
	Fatal []string
	// Complaint matches lines that tell a cause beside Python's exceptions and
	// argparse's errors; nil: none.
	Complaint *regexp.Regexp
	// Settings asks a server that is ready for the configuration in effect, by
	// flag name; source says who told. Nil, or nothing told: only the log's.
	Settings func(ctx context.Context, get Getter) (values map[string]string, source string)
	// Same compares what was asked for a flag with what is in effect; nil:
	// nothing is compared.
	Same func(flag, asked, inEffect string) bool
}

// Getter fetches a path of the server.
type Getter func(ctx context.Context, path string) ([]byte, error)

// LogLine is one line of a server's output, taken apart.
type LogLine struct {
	Deep  bool   // written by an engine or worker process, not by the HTTP server in front
	Level string // DEBUG, INFO, WARNING, ERROR, CRITICAL, or "" without one
	Text  string
}

// complains says whether the line may tell a cause: errors and lines without
// a level, which tracebacks and argparse write.
func (l LogLine) complains() bool {
	return l.Level == "" || l.Level == "ERROR" || l.Level == "CRITICAL"
}

// Reader follows the log of one start.
type Reader interface {
	// Read takes what the line tells and returns the phase that it begins, or
	// "".
	Read(line string) (phase string)
	// Logged are the sizes that the log told so far, and Settings the values
	// in effect, by flag name.
	Logged() Logged
	Settings() map[string]string
}

// PhaseLine is a fragment of a log line that begins a phase.
type PhaseLine struct{ Fragment, Phase string }

// PhaseReader is a Reader that knows phases alone.
type PhaseReader []PhaseLine

// Read returns the phase of the first fragment that the line holds.
func (r PhaseReader) Read(line string) string {
	for _, l := range r {
		if strings.Contains(line, l.Fragment) {
			return l.Phase
		}
	}
	return ""
}

// Logged is empty.
func (PhaseReader) Logged() Logged { return Logged{} }

// Settings is empty.
func (PhaseReader) Settings() map[string]string { return nil }

func (e *Engine) parse(line string) LogLine {
	line = ansiColour.ReplaceAllString(line, "")
	l := LogLine{Text: line}
	if e != nil && e.Parse != nil {
		l = e.Parse(line)
	}
	l.Text = strings.TrimRight(l.Text, " \t")
	return l
}

func (e *Engine) reader() Reader {
	if e == nil || e.NewReader == nil {
		return PhaseReader(nil)
	}
	return e.NewReader()
}

// rule returns the first rule that knows the text, the engine's own first.
func (e *Engine) rule(text string) *Rule {
	if e != nil {
		if r := firstRule(e.Rules, text); r != nil {
			return r
		}
	}
	return firstRule(generalRules, text)
}

// hint is the remedy of the first hint that the text holds.
func (e *Engine) hint(text string) string {
	if e == nil {
		return ""
	}
	if r := firstRule(e.Hints, text); r != nil {
		return r.fill(text, nil)
	}
	return ""
}

func (e *Engine) wrapper(text string) bool {
	contained := func(list []string) bool {
		for _, w := range list {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	return contained(generalWrappers) || e != nil && contained(e.Wrappers)
}

func (e *Engine) complaint(text string) bool {
	return e != nil && e.Complaint != nil && e.Complaint.MatchString(text)
}

var ansiColour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// exception is the last line of a Python traceback: "pkg.SomeError: message".
var exception = regexp.MustCompile(`^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Timeout|Exit|NotFound)(?:: .*|:?$)`)

// argparseError is the last line of argparse: "vllm serve: error: message".
var argparseError = regexp.MustCompile(`^\S+(?: \S+)?: error: .+`)

// generalWrappers are Python's.
var generalWrappers = []string{
	"SystemExit",
	"KeyboardInterrupt",
	"DistStoreError",
	"Broken pipe",
	"CalledProcessError",
	"ChildFailedError",
}
