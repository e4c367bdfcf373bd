package launcher

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Engine is what is known of one make of server: how its log reads and how it
// tells its configuration. Everything else in this package holds for any
// server that speaks the OpenAI protocol. Sub-packages vllm, sglang and
// llamacpp have one each; without one the general knowledge serves.
type Engine struct {
	Name string
	// NewReader follows the log of one start; nil: it tells nothing.
	NewReader func() Reader
	// Rules classify messages, before the general ones; Last after them.
	Rules, Last []Rule
	// Hints are no causes, but explain a start that never ends. One of another
	// class than ClassTimeout is what the start waits for, and names it.
	Hints []Rule
	// Rooms classify by where an exception was raised what no rule knows: parts
	// of the paths of its frames. The frame nearest to the exception decides.
	Rooms []Room
	// Unknown classifies by the message alone what nothing else knows; nil:
	// nothing does.
	Unknown func(class, message string) *Rule
	// Own are parts of the paths of the server's own code: what it says there
	// is its own sentence, and says more than the exception under it.
	Own []string
	// Wrappers are fragments of messages that pass on that something failed
	// elsewhere: never the cause, unless they quote one. A traceback below one
	// is what ended the process; one below another error was lived through.
	Wrappers []string
	// Quoting matches wrappers that quote the cause, as their first group.
	Quoting []*regexp.Regexp
	// Consequences are fragments of what processes raise because another one
	// has died.
	Consequences []string
	// Deaths match lines by which one process tells that another has died.
	Deaths []*regexp.Regexp
	// ExitCode matches lines that tell with which code such a process ended, as
	// their first group.
	ExitCode *regexp.Regexp
	// Teardown are fragments of lines that begin a shutdown: what is raised
	// after one of them has not caused it.
	Teardown []string
	// Told are fragments of lines by which a server says that it was told to
	// end.
	Told []string
	// Fatal are fragments of the lines with which an engine dies that had been
	// ready.
	Fatal []string
	// Complaint matches lines that tell a cause beside Python's exceptions and
	// argparse's errors; nil: none.
	Complaint *regexp.Regexp
	// Settings asks a server that is ready for the configuration in effect. Nil,
	// or nothing told: only the log's.
	Settings func(ctx context.Context, get Getter) Told
	// LengthFlag is the flag whose value the model list tells as its longest
	// context; "": none.
	LengthFlag string
	// Effects are what flags do, by name; a flag that is not there may do anything.
	Effects map[string]Effect
	// SpareCore says how a core is left to the client, of an engine that binds its
	// threads to cores: bound are theirs, usable those of the client. Nil: the engine
	// binds none.
	SpareCore func(bound Cores, usable []int) []notice.Notice
	// Compare holds what is in effect of a flag, or of a key of one behind a
	// dot, against what was asked for; nil: nothing is compared.
	Compare func(flag, asked, inEffect string) Verdict
}

// Effect is what a flag does to a launch and to requests.
type Effect struct {
	// More: a larger value asks for more GPU memory. Less: a smaller one does. Cache: a
	// smaller one leaves less to the KV cache, and more to everything else. Fixed:
	// the flag decides the size of the cache by itself, so that the others do not.
	More, Less, Cache, Fixed bool
	// Speed: it changes how fast a request is answered, or how many at a time, and
	// never whether it is answered.
	Speed bool
	// Context: it says how long a request may be.
	Context bool
}

// Effect is that of a flag; the zero value where nothing is known.
func (e *Engine) Effect(flag string) Effect {
	if e == nil {
		return Effect{}
	}
	return e.Effects[flag]
}

// Verdict is what came of a comparison. The zero value is Unjudged.
type Verdict int

// The verdicts.
const (
	Unjudged     Verdict = iota // both are known, and whether they mean the same is not
	Confirmed                   // what was asked for is in effect
	Contradicted                // something else is
)

// Judge is Confirmed or Contradicted.
func Judge(same bool) Verdict {
	if same {
		return Confirmed
	}
	return Contradicted
}

// Told is what a server that is ready tells of itself.
type Told struct {
	Values  map[string]string // in effect, by flag name
	Source  string            // who told: /server_info, a metric
	Version string            // of the server, where /version does not tell it
	Device  string            // "cpu", "cuda", ...; "" where it does not say
	// Sizes that a log, where there is one, has told already.
	KVCacheTokens  int64
	MaxConcurrency float64
}

// Getter fetches a path of the server.
type Getter func(ctx context.Context, path string) ([]byte, error)

// Room classifies what is raised in a part of the server's code or of a
// library.
type Room struct {
	Path string // part of a frame's path
	Rule Rule
}

// Reader follows the log of one start.
type Reader interface {
	// Read takes what the line tells and returns the phase that it begins, or
	// "".
	Read(line string) (phase string)
	// Logged are the sizes that the log told so far, and Settings the values
	// in effect, by flag name; keys of a flag's mapping stand behind a dot.
	Logged() Logged
	Settings() map[string]string
	// Parsed are the values that the command line was understood to have. The
	// server may still have changed them.
	Parsed() map[string]string
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

// Parsed is empty.
func (PhaseReader) Parsed() map[string]string { return nil }

func (e *Engine) reader() Reader {
	if e == nil || e.NewReader == nil {
		return PhaseReader(nil)
	}
	return e.NewReader()
}

// rule returns the rule that knows the complaint: one that knows its message,
// or else where or as what it was raised.
func (e *Engine) rule(x *complaint) *Rule {
	if r := e.specific(x); r != nil {
		return r
	}
	return e.fallback(x)
}

// specific returns the first rule that knows the message, the engine's own
// first.
func (e *Engine) specific(x *complaint) *Rule {
	if !x.ended {
		return e.look(x)
	}
	if !x.asked {
		x.rule, x.asked = e.look(x), true
	}
	return x.rule
}

func (e *Engine) look(x *complaint) *Rule {
	if e != nil {
		if r := firstRule(e.Rules, x); r != nil {
			return r
		}
	}
	if r := firstRule(generalRules, x); r != nil || e == nil {
		return r
	}
	return firstRule(e.Last, x)
}

// fallback classifies by the place and the kind of an exception.
func (e *Engine) fallback(x *complaint) *Rule {
	if r := firstRule(typeRules, x); r != nil {
		return r
	}
	if e == nil || x.kind != kindException {
		return nil
	}
	for _, frame := range slices.Backward(x.frames) {
		for i := range e.Rooms {
			if strings.Contains(frame, e.Rooms[i].Path) {
				return &e.Rooms[i].Rule
			}
		}
	}
	if e.Unknown != nil {
		return e.Unknown(x.class, x.whole())
	}
	return nil
}

func (e *Engine) own(frame string) bool { return e != nil && containsAny(frame, e.Own) }

// wrapper says whether the message only passes on that something failed.
func (e *Engine) wrapper(text string) bool {
	return containsAny(text, generalWrappers) || e != nil && containsAny(text, e.Wrappers)
}

// announces says whether the line above a traceback means the end of the
// process that wrote it. Of an engine without wrappers that is not known.
func (e *Engine) announces(text string) bool {
	return e == nil || len(e.Wrappers) == 0 || e.wrapper(text)
}

func (e *Engine) consequence(text string) bool {
	return containsAny(text, generalConsequences) || e != nil && containsAny(text, e.Consequences)
}

func (e *Engine) teardown(text string) bool { return e != nil && containsAny(text, e.Teardown) }

func (e *Engine) death(text string) bool {
	return e != nil && slices.ContainsFunc(e.Deaths, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// quoted is the cause that a wrapper quotes, or "".
func (e *Engine) quoted(text string) string {
	if e == nil {
		return ""
	}
	for _, p := range e.Quoting {
		if m := p.FindStringSubmatch(text); m != nil && !e.wrapper(m[1]) && !e.consequence(m[1]) {
			return m[1]
		}
	}
	return ""
}

func (e *Engine) complaint(text string) bool {
	return e != nil && e.Complaint != nil && e.Complaint.MatchString(text)
}

func containsAny(text string, list []string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return strings.Contains(text, w) })
}

// generalWrappers are Python's and Ray's.
var generalWrappers = []string{
	"SystemExit",
	"KeyboardInterrupt",
	"ChildFailedError",
	"ExceptionGroup: ",
	"unhandled errors in a TaskGroup",
	"RayTaskError",
}

// generalConsequences are what a process raises when another one has gone.
var generalConsequences = []string{
	"DistStoreError",
	"Broken pipe",
	"BrokenPipeError",
	"EOFError",
	"CancelledError",
	"ConnectionResetError",
	"Connection reset by peer",
	"Connection closed by peer",
	"ActorDiedError",
	"RuntimeError: cancelled",
	"ProcessRaisedException",
	"ProcessExitedException",
}
