package launcher

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

const (
	maxEvidence     = 12   // lines
	maxEvidenceLine = 1000 // bytes of one line
)

// exitKilled is 128 + SIGKILL. Nobody but the kernel kills a server that is
// still loading.
const exitKilled = 137

// exitUsage is the exit code of argparse.
const exitUsage = 2

// Diagnose explains why a server ended before it was ready, from its log and
// its exit.
func Diagnose(logPath string, exit Exit) Diagnosis {
	d := readCauses(logPath).diagnosis()
	d.Exit = &exit
	if d.Class != "" {
		return d
	}
	switch {
	case exit.Code == exitKilled:
		d.Class = ClassHostMemory
		d.Cause = withDetail("killed while it started (exit code 137)", exit.Detail)
		d.Remedy = "most likely the machine ran out of memory: check the kernel log (dmesg), free memory, or raise the container's limit"
	case d.Cause != "":
		d.Class = ClassUnclassified
		d.Remedy = "read the evidence and the server's log"
	case exit.Code == exitUsage:
		d.Class = ClassArguments
		d.Cause = "ended with exit code 2, which stands for wrong arguments"
		d.Remedy = "check the flags of the server against its version"
	default:
		d.Class = ClassExited
		d.Cause = withDetail(fmt.Sprintf("ended with exit code %d before it was ready", exit.Code), exit.Detail)
		d.Remedy = "read the server's log"
	}
	return d
}

// Classify diagnoses one message, such as a container service's. The class is
// otherwise when no rule knows the message.
func Classify(text string, otherwise Class) Diagnosis {
	d := Diagnosis{Class: otherwise, Cause: clip(text)}
	if r := ruleFor(text); r != nil {
		d.Class, d.Remedy = r.class, r.fill(text)
	}
	return d
}

// diagnoseDeath explains the end of a server that had been ready. vLLM ends
// with exit code 0 when its engine died (entrypoints/launcher.py watches it),
// so the code says little.
func diagnoseDeath(logPath string, exit Exit) Diagnosis {
	d := readCauses(logPath).diagnosis()
	d.Exit = &exit
	cause := withDetail(fmt.Sprintf("the server ended under load with exit code %d", exit.Code), exit.Detail)
	if d.Cause != "" {
		cause = "the engine died under load: " + d.Cause
	}
	d.Class, d.Cause = ClassEngineDead, cause
	if d.Remedy == "" {
		d.Remedy = "read the server's log"
	}
	return d
}

func diagnoseIdentity(err error, base string) Diagnosis {
	return Diagnosis{
		Class:  ClassIdentity,
		Cause:  fmt.Sprintf("what answers at %s is not the server that is to be measured: %s", base, err),
		Remedy: "correct the model name (server.model, served-model-name) or the API key, or end the other server",
	}
}

func diagnoseTimeout(spec Spec, phases []Phase, last error) Diagnosis {
	c := readCauses(spec.LogPath)
	d := c.diagnosis()
	d.Evidence = append(d.Evidence, "last answer: "+last.Error())
	phase := PhaseLaunched
	var since time.Duration
	if n := len(phases); n > 0 {
		phase, since = phases[n-1].Name, phases[n-1].At
	}
	cause := fmt.Sprintf("not ready after %s; last phase seen: %s, %s after the launch",
		spec.ReadyTimeout, phase, since.Round(100*time.Millisecond))
	if d.Cause != "" {
		cause += "; " + d.Cause
	}
	d.Class, d.Cause = ClassTimeout, cause
	if d.Remedy == "" {
		d.Remedy = "raise server.ready_timeout if it is only slow: weights from a slow disk and a first compilation take many minutes"
	}
	if c.hint != "" {
		d.Remedy = c.hint
	}
	return d
}

func withDetail(cause, detail string) string {
	if detail == "" {
		return cause
	}
	return cause + ": " + detail
}

// causes are the candidates of one log.
type causes struct {
	worker logLine // first exception of an engine or worker that is no wrapper
	other  logLine // first exception of anybody
	usage  logLine // argparse
	known  logLine // first complaint that a rule knows
	errors []string
	last   []string // last lines of any kind
	hint   string   // remedy of a hint
	open   *logLine // exception whose message goes on in the next line
}

// readCauses reads the log once, with bounded memory. A log that cannot be
// read has no causes, and says so as its last line.
func readCauses(path string) *causes {
	c := &causes{}
	if path == "" {
		return c
	}
	t := serverlog.NewTail(path)
	if err := t.Lines(c.add); err != nil {
		c.last = append(c.last, "the log could not be read: "+err.Error())
	}
	t.Rest(c.add)
	return c
}

func (c *causes) add(line string) {
	l := parseLine(line)
	if l.text == "" {
		return
	}
	c.last = keepLast(c.last, l.text)
	c.continued(l)
	for _, h := range hints {
		if h.match(l.text) != nil {
			c.hint = h.remedy
		}
	}
	if !l.complains() || isWrapper(l.text) {
		return
	}
	if c.known.text == "" && ruleFor(l.text) != nil {
		c.known = l
	}
	switch {
	case exception.MatchString(l.text):
		c.errors = keepLast(c.errors, l.text)
		if l.origin == "Worker" || l.origin == "EngineCore" {
			c.first(&c.worker, l)
		}
		c.first(&c.other, l)
	case argparseError.MatchString(l.text):
		c.first(&c.usage, l)
		c.errors = keepLast(c.errors, l.text)
	case l.level != "":
		c.errors = keepLast(c.errors, l.text)
	}
}

// first keeps the first line of a kind. pydantic writes its message on the
// lines that follow: "1 validation error for ParallelConfig", "Value error, ...".
func (c *causes) first(slot *logLine, l logLine) {
	if slot.text != "" {
		return
	}
	*slot = l
	if strings.Contains(l.text, "validation error") {
		c.open = slot
	}
}

// pydanticMessage begins the line that says what pydantic found.
const pydanticMessage = "Value error, "

// continued replaces pydantic's heading with its message.
func (c *causes) continued(l logLine) {
	_, message, found := strings.Cut(l.text, pydanticMessage)
	if c.open == nil || !found {
		return
	}
	heading := c.open.text
	for _, slot := range []*logLine{&c.worker, &c.other} {
		if slot.text == heading {
			message, _, _ = strings.Cut(message, " [type=")
			slot.text = message
		}
	}
	c.open = nil
}

// diagnosis picks the cause: what an engine or worker raised first, then what
// anybody raised first, then argparse. Where no rule knows it, a known
// complaint elsewhere in the log wins: a plain error line often says more than
// the exception that follows from it.
func (c *causes) diagnosis() Diagnosis {
	var d Diagnosis
	d.Evidence = c.errors
	if len(d.Evidence) == 0 {
		d.Evidence = c.last
	}
	for _, l := range []logLine{c.worker, c.other, c.usage} {
		if l.text != "" {
			d.Cause = clip(l.text)
			break
		}
	}
	if d.Cause == "" && c.known.text == "" {
		return d
	}
	r := ruleFor(d.Cause)
	if r == nil && c.known.text != "" {
		d.Cause = clip(c.known.text)
		r = ruleFor(c.known.text)
	}
	if r != nil {
		d.Class = r.class
		d.Remedy = r.fill(d.Cause)
	}
	d.Cause = wholeSentences(d.Cause)
	if !slices.Contains(d.Evidence, d.Cause) {
		d.Evidence = append([]string{d.Cause}, d.Evidence...)
	}
	return d
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

func ruleFor(text string) *rule {
	for i := range rules {
		if rules[i].match(text) != nil {
			return &rules[i]
		}
	}
	return nil
}

// fill puts the numbers of the message into the remedy.
func (r *rule) fill(text string) string {
	p := r.match(text)
	return string(p.ExpandString(nil, r.remedy, text, p.FindStringSubmatchIndex(text)))
}

func keepLast(lines []string, line string) []string {
	if len(lines) == maxEvidence {
		lines = append(lines[:0:0], lines[1:]...)
	}
	return append(lines, clip(line))
}

func clip(line string) string {
	if len(line) > maxEvidenceLine {
		return line[:maxEvidenceLine] + "..."
	}
	return line
}
