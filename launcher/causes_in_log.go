package launcher

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

// causes are what one log, or a part of it, tells of a failure.
type causes struct {
	engine *Engine
	reader Reader
	asked  map[string]string
	device string // that the server is expected to compute on: "cpu", or "" for any other
	dead   bool   // of a server that had been ready
	common string // prefix of all lines
	tracer *tracer
	errors []string // the last complaints
	last   []string // the last lines of any kind
	hints  []*Rule  // that matched, with their lines
	hinted []string
	behind map[*Rule]string // lines that explain what a rule knows
	died   bool             // the engine is said to have died
	told   bool             // before that, it said that it was told to end
}

// span is the part of a log between two offsets; zero until means its end.
type span struct{ from, until int64 }

// readCauses reads the log once, with bounded memory. A log that cannot be
// read has no causes, and says so as its last line.
func readCauses(spec Spec, part span) *causes {
	c := &causes{
		dead:   part.from > 0,
		engine: spec.Engine, reader: spec.Engine.reader(), asked: spec.Asked,
		tracer: newTracer(spec.Engine), behind: map[*Rule]string{},
	}
	if spec.Compute == ComputeCPU {
		c.device = "cpu"
	}
	if spec.LogPath == "" {
		return c
	}
	c.common = commonPrefix(serverlog.Head(spec.LogPath))
	t := serverlog.NewTail(spec.LogPath)
	read := func(line string) {
		c.reader.Read(line)
		switch at := t.Offset(); {
		case at <= part.from, part.until > 0 && at > part.until:
		default:
			c.add(line)
		}
	}
	if err := t.Lines(read); err != nil {
		c.last = append(c.last, "sweep could not read the log: "+err.Error())
	}
	t.Rest(read)
	for _, found := range c.tracer.found {
		found.read()
	}
	return c
}

func (c *causes) add(line string) {
	l := parseWith(line, c.common)
	if l.text == "" && !l.complains() {
		return
	}
	if l.text != "" && !l.bar {
		c.last = keepLast(c.last, l.text)
		c.note(l)
	}
	before := len(c.tracer.found)
	c.tracer.add(l)
	for _, found := range c.tracer.found[before:] {
		c.errors = keepLast(c.errors, found.text())
	}
}

// note keeps the lines that explain something although they are no complaints.
func (c *causes) note(l logLine) {
	if c.engine == nil {
		return
	}
	c.told = c.told || !c.died && containsAny(l.text, c.engine.Told)
	c.died = c.died || containsAny(l.text, c.engine.Fatal)
	for i := range c.engine.Hints {
		if h := &c.engine.Hints[i]; h.match(l.text) != nil && !slices.Contains(c.hints, h) {
			c.hints, c.hinted = append(c.hints, h), append(c.hinted, l.text)
		}
	}
	for _, rules := range [][]Rule{c.engine.Rules, generalRules} {
		for i := range rules {
			r := &rules[i]
			if r.because == nil {
				continue
			}
			if m := r.because.FindStringSubmatch(l.text); m != nil && c.behind[r] == "" {
				c.behind[r] = m[len(m)-1] // its group, or all of it
			}
		}
	}
}

// choose picks the cause.
//
// The first process that failed by itself decides: what a process raises when
// another has died, what is printed while shutting down, what a wrapper only
// passes on and what was caught are asked only when nothing else is there. Of
// a server that had been ready the latter two are never a cause: it lived
// through them.
func (c *causes) choose() *complaint {
	var tiers [6]*complaint
	for _, x := range c.tracer.found {
		tier := c.tier(x)
		if tier >= 0 && tier < len(tiers) && tiers[tier] == nil {
			tiers[tier] = x
		} else if tier == len(tiers)-1 {
			tiers[tier] = x // the last complaint
		}
	}
	for tier, x := range tiers {
		if x == nil {
			continue
		}
		x = c.ofChain(x)
		if tier > 0 || c.engine.specific(x) != nil || x.kind == kindDeath {
			return x
		}
		// A plain error line that a rule knows says more than the exception
		// that follows from it and that none does.
		if known := tiers[2]; known != nil && c.engine.fallback(x) == nil {
			return known
		}
		return x
	}
	if q := c.quotation(); q != nil {
		return q
	}
	return nil
}

// tier is the rank of a complaint, 0 first; -1: no cause at all.
func (c *causes) tier(x *complaint) int {
	text := x.text()
	switch {
	case x.late && (c.dead || x.kind != kindException):
		return -1
	case c.engine.wrapper(text), x.kind == kindException && strings.HasSuffix(text, "raised:"):
		return -1
	case c.engine.consequence(text):
		if c.dead {
			return -1
		}
		return 4
	case x.kind == kindTool:
		return -1 // taken with the exception that reports it, or as the last complaint
	case x.kind == kindPlain:
		if c.dead {
			return -1
		}
		return 3
	case x.kind == kindRecord:
		switch {
		case c.dead && !x.deep:
			return -1
		case c.engine.specific(x) != nil && !x.late:
			return 2
		case c.dead:
			return -1
		}
		return 5
	case x.caught:
		if c.dead {
			return -1
		}
		return 1
	case x.late:
		return 4
	}
	return 0
}

// ofChain picks the exception of a chain that says most. The last one is what
// the server made of it, in its own words; the first is what happened.
func (c *causes) ofChain(x *complaint) *complaint {
	var chain []*complaint
	for _, y := range c.tracer.found {
		if y.chain == x.chain && !c.engine.wrapper(y.text()) {
			chain = append(chain, y)
		}
	}
	if len(chain) < 2 {
		return x
	}
	var known *complaint
	for _, y := range chain {
		r := c.engine.specific(y)
		if r == nil {
			continue
		}
		if known != nil && hard(c.engine.specific(known).Class) && r.Class != c.engine.specific(known).Class {
			continue
		}
		known = y
	}
	if known != nil {
		return known
	}
	for _, y := range slices.Backward(chain) {
		if n := len(y.frames); n > 0 && c.engine.own(y.frames[n-1]) && len(strings.Fields(y.message)) > 3 {
			return y
		}
	}
	return chain[0]
}

// hard are causes that no other exception explains away.
func hard(class Class) bool {
	return class == ClassDisk || class == ClassEnvironment || class == ClassHostMemory || class == ClassGPUMemory || class == ClassModel
}

// quotation is a cause that stands only inside a wrapper.
func (c *causes) quotation() *complaint {
	for _, x := range c.tracer.found {
		if q := c.engine.quoted(x.whole()); q != "" && !(c.dead && x.late) {
			return &complaint{kind: kindException, message: q, deep: x.deep, chain: -1}
		}
	}
	return nil
}

// tool is a compiler's complaint above the exception that reports it.
func (c *causes) tool(x *complaint) *complaint {
	if !subprocess.MatchString(x.whole()) {
		return nil
	}
	for _, y := range c.tracer.found {
		if y.kind == kindTool {
			return y
		}
	}
	return nil
}

// withCode adds the exit code of a process that died, which may stand in
// another line than its death.
func (c *causes) withCode(x *complaint) *complaint {
	if c.engine.ExitCode == nil || strings.Contains(x.message, "exit code") {
		return x
	}
	for _, y := range c.tracer.found {
		if m := c.engine.ExitCode.FindStringSubmatch(y.text()); m != nil {
			z := *x
			z.message += " (exit code: " + m[1] + ")"
			z.asked = false
			return &z
		}
	}
	return x
}

// subprocess is an exception that says that a program ended badly.
var subprocess = regexp.MustCompile(`CalledProcessError|returned non-zero exit status|Error building extension|Ninja build failed|[Cc]ompil\w* failed|InductorError|CppCompileError|failed to compile|exit code: \d+`)

// diagnosis is what the log tells; without a cause, only its evidence: Cause is
// the zero value then.
func (c *causes) diagnosis() Diagnosis {
	d := Diagnosis{Evidence: c.errors}
	if len(d.Evidence) == 0 {
		d.Evidence = c.last
	}
	x := c.choose()
	if x == nil {
		return d
	}
	if y := c.tool(x); y != nil {
		x = y
	}
	if x.kind == kindDeath {
		x = c.withCode(x)
	}
	r := c.engine.rule(x)
	words := shown(x)
	if r != nil && r.because != nil {
		if why := c.behind[r]; why != "" {
			words = clip(why) + " (" + words + ")"
		}
	}
	if r != nil {
		values := c.values()
		d.Class, d.Certain = r.Class, r.certain
		d.Remedy, d.Limit = r.fill(x, values)
		if d.Class == ClassGPUMemory && values["device"] == "cpu" {
			d.Class = ClassHostMemory // it has no other
		}
	} else if advice := adviceIn(x.whole()); advice != "" {
		d.Remedy = notice.New("server-advises", notice.Args{"advice": notice.Text(advice)})
	}
	words = wholeSentences(words)
	d.Cause = Quoted(words)
	if !slices.Contains(d.Evidence, words) {
		d.Evidence = append([]string{words}, d.Evidence...)
	}
	return d
}

const maxCause = 600

// wholeConfigs are the models of a configuration whose name adds nothing.
var wholeConfigs = map[string]bool{
	"": true, "VllmConfig": true, "ModelConfig": true, "ParallelConfig": true, "SchedulerConfig": true, "CacheConfig": true, "EngineArgs": true,
}

// shown is a complaint as a cause is worded: one line, in the server's words.
func shown(x *complaint) string {
	text := x.text()
	switch {
	case x.kind == kindUsage && x.problem != "":
		text = strings.TrimRight(text, ":") + ": " + x.problem
	case x.problem != "" && !wholeConfigs[x.about]:
		text = x.about + ": " + x.problem // of a part that has a flag of its own
	case x.problem != "":
		text = x.problem
	case x.kind != kindException, len(x.more) == 0:
	case x.message == "" || strings.HasSuffix(text, ":") && !strings.Contains(text, ". "):
		text += " " + strings.TrimSpace(x.more[0])
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "..."
	}
	return text
}

// wholeSentences drops a last sentence that announces lines which are not
// there: "... in this node. If this is intentional and you are using:".
func wholeSentences(text string) string {
	if !strings.HasSuffix(text, ":") {
		return text
	}
	if i := strings.LastIndex(text, ". "); i > 0 {
		return text[:i+1]
	}
	return text
}

// values are what remedies may use beside the message: the flags as asked, and
// the sizes that the log told.
func (c *causes) values() map[string]string {
	out := map[string]string{}
	for name, value := range c.asked {
		out["asked "+name] = value
	}
	logged := c.reader.Logged()
	for name, x := range map[string]float64{"model_gib": logged.ModelGiB, "kv_gib": logged.KVCacheGiB} {
		if x != 0 && !math.IsNaN(x) {
			out[name] = strconv.FormatFloat(x, 'f', -1, 64)
		}
	}
	out["device"] = cmp.Or(logged.Device, c.device)
	return out
}

// advice is how servers word what to do.
var advice = regexp.MustCompile(`(?:^|[.!;)] |: )((?:(?:Please|Try|Consider|You can|You may|Use|Set|Pass|Specify|Install|Increase|Decrease|Reduce|Lower|Raise|Make sure|Ensure|Either|To resolve|To fix|To override|To allow|Did you mean|If you (?:want|need)|Choose|Available|Supported|Valid)\b)[^.]*(?:\.[^ \n][^.]*)*\.?)`)

// adviceIn is the server's own advice, "" where it gives none.
func adviceIn(text string) string {
	m := advice.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	out := strings.TrimSpace(m[1])
	const most = 240
	if len(out) > most {
		out = strings.ToValidUTF8(out[:most], "") + "..."
	}
	return strings.TrimSuffix(out, ".")
}

func keepLast(lines []string, line string) []string {
	if len(lines) == maxEvidence {
		lines = append(lines[:0:0], lines[1:]...)
	}
	return append(lines, clip(line))
}

func clip(line string) string {
	if len(line) > maxEvidenceLine {
		return strings.ToValidUTF8(line[:maxEvidenceLine], "") + "..."
	}
	return line
}
