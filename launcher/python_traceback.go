package launcher

import (
	"regexp"
	"strings"
)

// kind says what a complaint is.
type kind int

const (
	kindException kind = iota // the end of a Python traceback
	kindUsage                 // argparse
	kindFatal                 // the interpreter's or the C library's last words
	kindDeath                 // one process says that another has died
	kindTool                  // a compiler's own line
	kindRecord                // a log record of level ERROR
	kindPlain                 // a line without a level
)

// complaint is one thing that went wrong, as the log tells it.
type complaint struct {
	kind    kind
	class   string   // "torch.OutOfMemoryError", as far as the kind has one
	message string   // the first line of it
	more    []string // the lines that follow it
	frames  []string // "path/file.py function", innermost last
	deep    bool     // by an engine or worker process
	front   bool     // by the HTTP server in front
	caught  bool     // whoever wrote it went on
	late    bool     // after the first process had begun to shut down
	chain   int      // exceptions of one chain share a number
	problem string   // pydantic: what is said of the fields
	about   string   // pydantic: the model of the configuration, such as SchedulerConfig
	ended   bool     // the log is read: nothing is added any more
	rule    *Rule    // then: that knows the message
	asked   bool     // and whether it has been looked for
}

// text is the complaint's first line as it stands in the log.
func (c *complaint) text() string {
	switch {
	case c.kind != kindException || c.class == "":
		return c.message
	case c.message == "":
		return c.class
	}
	return c.class + ": " + c.message
}

// whole is the complaint with the lines that belong to it, in one line, but
// without the values that pydantic prints: they name all of a configuration.
func (c *complaint) whole() string {
	parts := append([]string{c.text()}, c.more...)
	text := strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
	if strings.Contains(text, "[type=") {
		text = inputValue.ReplaceAllString(text, "")
	}
	return text
}

var inputValue = regexp.MustCompile(` ?\[type=\w+(?:, input_value=.*?, input_type=[^\]]*\]?|[^\]]*\]?$)`)

// record is what one process writes line by line.
type record struct {
	inside    bool // between a traceback's head and its exception
	strange   int  // lines since that do not belong
	frames    []string
	announced string // the line above the traceback, "" without one
	caught    bool
	late      bool
	child     bool // "Process EngineCore:" stands above
	chain     int
	link      bool       // the next traceback is of the same chain
	open      *complaint // whose message may go on
	room      int        // lines that it may still take
	blank     int        // empty lines since its last
	depth     int        // indentation of the traceback's head
}

const (
	maxComplaints = 400
	maxMore       = 40 // lines of one message
	maxStrange    = 60 // lines of others between two of a traceback
	maxFrames     = 60 // of one traceback, the innermost ones
	maxText       = 20e3
)

var (
	tracebackHead = regexp.MustCompile(`(?:^|[:\s])(?:Exception Group )?Traceback \(most recent call last\):$`)
	frameLine     = regexp.MustCompile(`^ {1,8}File "([^"]+)", line \d+(?:, in (\S+))?`)
	childLine     = regexp.MustCompile(`^Process \S+:$`)
	chainLine     = regexp.MustCompile(`^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):$`)
	// The last line of a traceback: any class below a traceback's head; without
	// the head a path, or a name that says what it is.
	exceptionLine = regexp.MustCompile(`^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:\([\w.]+\))?)(?:: (.*)|:?$)`)
	// exceptionName is one without its traceback.
	exceptionName = regexp.MustCompile(`^(?:(?:[A-Za-z_]\w*\.)+_?[A-Z]\w*|(?:[A-Za-z_]\w*\.)+\w*(?:error|exception|timeout)|_?[A-Z]\w*(?i:error|exception|interrupt|timeout|exit|notfound|failed))(?:\([\w.]+\))?$`)
	moduleFile    = regexp.MustCompile(`\.(?:py|pyx|cpp|cu|cc|c|h|hpp|go|rs|so|json|log)$`)
	argparseError = regexp.MustCompile(`^\S+(?: \S+){0,2}: error: (.+)`)
	fatalLine     = regexp.MustCompile(`^(?:Fatal Python error: .+|terminate called after throwing an instance of .+|what\(\): +.+|Segmentation fault.*|Bus error.*|Illegal instruction.*|Floating point exception.*|Aborted \(core dumped\).*|Killed$|!{3,} *Segfault encountered.*|\*{3} (?:SIG\w+|Signal).*|.{0,60}\bOut of memory: Killed process.*|.{0,60}(?:oom-kill|OOMKilled).*)`)
	toolLine      = regexp.MustCompile(`^(?:\S+:\d+(?::\d+)?: (?:fatal )?error: .+|\S+\(\d+\): error: .+|\S*(?:nvcc|ptxas|gcc|g\+\+|cc1plus|cc1|clang|ninja|cmake|ld|ld\.lld|collect2|cc|c\+\+|hipcc|as)(?:-[\d.]+)?(?: (?:fatal|error))? *: +(?:fatal |error|cannot ).*|/usr/bin/ld: .+|/bin/sh: .*: not found|CMake Error.*)`)
	serviceLine   = regexp.MustCompile(`^(?:docker|podman|nerdctl|Error|error|Error response from daemon|nvidia-container-cli|OCI runtime error|crun|runc|exec|bash|sh|/bin/sh|/bin/bash|tini|env)(?: \S{1,40}){0,3}: .+`)
	headless      = regexp.MustCompile(`^ {1,4}(?:Value error|Assertion failed), `)
	validation    = regexp.MustCompile(`\b\d+ validation errors? for ([\w.\[\]]+)`)
	repeated      = regexp.MustCompile(` ?\[repeated \d+x across cluster\].*$`)
)

// tracer makes complaints of lines. Records of several processes may
// interleave; each goes on where it stopped.
type tracer struct {
	engine    *Engine
	records   map[string]*record
	found     []*complaint
	chains    int
	late      bool
	lastError map[string]string // the last ERROR record of a source
	webError  map[string]bool   // which was the web server's, just above
}

func newTracer(e *Engine) *tracer {
	return &tracer{engine: e, records: map[string]*record{}, lastError: map[string]string{}, webError: map[string]bool{}}
}

func (t *tracer) add(l logLine) {
	if l.bar {
		return
	}
	if strings.Contains(l.text, "[repeated ") {
		l.text = repeated.ReplaceAllString(l.text, "")
	}
	if t.engine.teardown(l.text) {
		t.late = true
	}
	if death := t.death(l); death || !l.complains() {
		return
	}
	key := l.key()
	r := t.records[key]
	if r == nil {
		r = &record{}
		t.records[key] = r
	}
	text := l.text
	switch {
	case strings.HasSuffix(text, "Traceback (most recent call last):") && tracebackHead.MatchString(text):
		t.head(r, l)
		return
	case strings.HasSuffix(text, ":") && chainLine.MatchString(strings.TrimSpace(text)):
		r.link, r.open, r.inside = true, nil, false
		return
	case strings.HasPrefix(text, "Process ") && childLine.MatchString(text):
		r.child, r.open = true, nil
		return
	case r.inside && t.within(r, l):
		return
	case r.open != nil && t.goesOn(r, l):
		return
	}
	if text == "" {
		return
	}
	t.alone(r, l)
	if l.level == "ERROR" {
		t.lastError[l.source] = text
	}
	t.webError[l.source] = l.web && l.level == "ERROR"
}

// head begins a traceback.
func (t *tracer) head(r *record, l logLine) {
	if !r.link {
		t.chains++
		r.chain = t.chains
	}
	announced := strings.TrimSpace(strings.TrimSuffix(tracebackHead.ReplaceAllString(l.text, ""), ":"))
	if announced == "" && l.level == "ERROR" {
		announced = t.lastError[l.source]
	}
	if !r.link { // a chain is announced and caught as a whole
		r.announced = announced
		r.caught = t.webError[l.source] || announced != "" && !t.engine.announces(announced)
		r.late = t.late
	}
	delete(t.webError, l.source)
	delete(t.lastError, l.source)
	r.inside, r.frames, r.strange, r.open, r.link = true, nil, 0, nil, false
	r.depth = len(l.text) - len(strings.TrimLeft(l.text, " "))
}

// within takes a line between a traceback's head and its exception.
func (t *tracer) within(r *record, l logLine) bool {
	text := l.text
	if r.depth > 0 && len(text) > r.depth && strings.TrimSpace(text[:r.depth]) == "" {
		text = text[r.depth:]
	}
	if m := frameLine.FindStringSubmatch(text); m != nil {
		if len(r.frames) == maxFrames {
			r.frames = append(r.frames[:0:0], r.frames[1:]...)
		}
		r.frames = append(r.frames, m[1]+" "+m[2])
		return true
	}
	if text == "" || strings.HasPrefix(text, " ") {
		return true
	}
	if m := exceptionLine.FindStringSubmatch(text); m != nil && !moduleFile.MatchString(m[1]) &&
		(exceptionName.MatchString(m[1]) || len(r.frames) > 0 && (m[2] != "" || !strings.Contains(text, ":"))) {
		t.exception(r, l, m[1], m[2])
		return true
	}
	if r.strange++; r.strange > maxStrange {
		r.inside = false
	}
	return false
}

// exception ends a traceback, or stands alone.
func (t *tracer) exception(r *record, l logLine, class, message string) {
	if !r.inside {
		if !r.link {
			t.chains++
			r.chain = t.chains
			r.announced, r.caught, r.late = "", false, t.late
		}
		r.frames, r.link = nil, false
		// A record of one line: the line above it announced it.
		if a := t.lastError[l.source]; l.level == "ERROR" && a != "" && !t.engine.announces(a) {
			r.caught = true
		}
	}
	c := &complaint{
		kind: kindException, class: class, message: message, frames: r.frames,
		deep: l.deep || r.child, front: l.front, caught: r.caught || l.front && l.level != "",
		late: r.late, chain: r.chain,
	}
	t.keep(c)
	r.inside, r.frames, r.child = false, nil, false
	r.open, r.room, r.blank = c, maxMore, 0
}

func (t *tracer) keep(c *complaint) {
	if len(t.found) < maxComplaints {
		t.found = append(t.found, c)
	}
	if len(c.message) > maxText {
		c.message = c.message[:maxText]
	}
}

// goesOn takes a further line of a message: those of pydantic until its last,
// those of others until an empty one.
func (t *tracer) goesOn(r *record, l logLine) bool {
	c, text := r.open, l.text
	pydantic := validation.MatchString(c.message)
	switch {
	case r.room == 0:
	case strings.Contains(text, "For further information visit"):
		r.blank = 0
		return true // also between two fields
	case text == "":
		r.blank++
		return true
	case !pydantic && r.blank > 0 || r.blank > 2:
	case frameLine.MatchString(text), strings.HasPrefix(text, "usage: "), fatalLine.MatchString(text), argparseError.MatchString(text):
	case t.exceptional(text) && !pydantic:
	default:
		r.room--
		r.blank = 0
		if len(text) < maxText {
			c.more = append(c.more, text)
		}
		return true
	}
	r.open = nil
	return false
}

// exceptional says whether the line is an exception by its own looks.
func (t *tracer) exceptional(text string) bool {
	m := exceptionLine.FindStringSubmatch(text)
	return m != nil && exceptionName.MatchString(m[1]) && !moduleFile.MatchString(m[1])
}

// death notes a process that another one saw die. Warnings count: 2026
// releases of vLLM tell it so.
func (t *tracer) death(l logLine) bool {
	if !t.engine.death(l.text) {
		return false
	}
	t.chains++
	t.keep(&complaint{kind: kindDeath, message: l.text, deep: true, late: t.late, chain: t.chains})
	return true
}

// alone takes a line that belongs to no traceback.
func (t *tracer) alone(r *record, l logLine) {
	text := l.text
	if m := exceptionLine.FindStringSubmatch(text); m != nil && t.exceptional(text) {
		t.exception(r, l, m[1], m[2])
		return
	}
	c := &complaint{kind: kindPlain, message: text, deep: l.deep, front: l.front, late: t.late, caught: l.front && l.level != ""}
	switch {
	case strings.HasPrefix(text, "  ") && !strings.HasPrefix(text, "  what():") && !headless.MatchString(text):
		return // a line of code, of a table, of argparse's help; a frame whose traceback's head is lost
	case headless.MatchString(text):
		c.kind, c.class, c.message = kindException, "", strings.TrimSpace(text)
		r.open, r.room, r.blank = c, maxMore, 0
	case l.level == "" && argparseError.MatchString(text):
		c.kind = kindUsage
		r.open, r.room, r.blank = c, maxMore, 0
	case fatalLine.MatchString(strings.TrimSpace(text)):
		c.kind, c.message = kindFatal, strings.TrimSpace(text)
	case l.level == "" && toolLine.MatchString(text):
		c.kind = kindTool
	case l.level != "", serviceLine.MatchString(text), t.engine.complaint(text):
		c.kind = kindRecord
	}
	if c.kind == kindPlain && t.engine.specific(c) == nil {
		return
	}
	t.chains++
	c.chain = t.chains
	t.keep(c)
}

// read takes pydantic's message apart: the heading names the model, and each
// finding stands below the field that it is of, or below none.
func (c *complaint) read() {
	c.ended = true
	if strings.HasPrefix(c.message, "Value error, ") || strings.HasPrefix(c.message, "Assertion failed, ") {
		c.problem = unvalued(c.message)
		return
	}
	m := validation.FindStringSubmatch(c.message)
	if m == nil {
		return
	}
	c.about = m[1]
	var found []string
	field, said := "", ""
	for _, line := range c.more {
		switch {
		case said != "": // the message goes on
		case strings.HasPrefix(line, "  "):
			said = unvalued(line)
			if field != "" {
				said = field + ": " + said
			}
			found = append(found, said)
		default:
			field = strings.TrimSpace(line)
			continue
		}
		if strings.Contains(line, "[type=") {
			field, said = "", ""
		}
	}
	c.problem = strings.Join(found, "; ")
}

var valueOf = regexp.MustCompile(` \[type=(\w+), input_value=(.*), input_type=.*$`)

// unvalued cuts what pydantic adds to a message, but for a short value that it
// refused.
func unvalued(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	for _, head := range []string{"Value error, ", "Assertion failed, "} {
		s = strings.TrimPrefix(s, head)
	}
	m := valueOf.FindStringSubmatchIndex(s)
	if m == nil {
		s, _, _ = strings.Cut(s, " [type=")
		return s
	}
	value := s[m[4]:m[5]]
	if kind := s[m[2]:m[3]]; kind != "value_error" && kind != "assertion_error" && len(value) <= 40 {
		return s[:m[0]] + " (got " + value + ")"
	}
	return s[:m[0]]
}
