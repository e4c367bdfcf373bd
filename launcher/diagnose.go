package launcher

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/wording"
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

// Diagnose explains why a server ended before it was ready, from its log
// (spec.LogPath), what is known of its engine, and its exit.
func Diagnose(spec Spec, exit Exit) Diagnosis {
	d := readCauses(spec).diagnosis()
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
		d.Remedy = "read the server's log: server.log in the start's folder of the run directory"
	}
	return d
}

// Classify diagnoses one message, such as a container service's. The class is
// otherwise when no rule knows the message.
func Classify(text string, otherwise Class) Diagnosis {
	d := Diagnosis{Class: otherwise, Cause: clip(text)}
	if r := firstRule(generalRules, text); r != nil {
		d.Class, d.Remedy = r.Class, r.fill(text, nil)
	}
	return d
}

// diagnoseDeath explains the end of a server that had been ready. vLLM ends
// with exit code 0 when its engine died (entrypoints/launcher.py watches it),
// so the code says little.
func diagnoseDeath(spec Spec, exit Exit) Diagnosis {
	d := readCauses(spec).diagnosis()
	d.Exit = &exit
	cause := withDetail(fmt.Sprintf("the server ended under load with exit code %d", exit.Code), exit.Detail)
	if d.Cause != "" {
		cause = "the engine died under load: " + d.Cause
	}
	d.Class, d.Cause = ClassEngineDead, cause
	if d.Remedy == "" {
		d.Remedy = "read the server's log: server.log in the start's folder of the run directory"
	}
	return d
}

// diagnoseIdentity explains why what answers is not to be measured. A port
// that somebody took between its choice and its use is another one at the next
// try.
func diagnoseIdentity(err error, base string) Diagnosis {
	var other *otherServer
	if errors.As(err, &other) && other.taken {
		return Diagnosis{
			Class:  ClassPort,
			Cause:  fmt.Sprintf("what answers at %s is not the server that was started: %s", base, err),
			Remedy: "another program took the port: try again, or end that program",
		}
	}
	return Diagnosis{
		Class:  ClassIdentity,
		Cause:  fmt.Sprintf("what answers at %s is not the server that is to be measured: %s", base, err),
		Remedy: "correct the model name (server.model, served-model-name) or the API key, or end the other server",
	}
}

func diagnoseTimeout(spec Spec, phases []Phase, last error) Diagnosis {
	c := readCauses(spec)
	d := c.diagnosis()
	d.Evidence = append(d.Evidence, "last answer: "+wording.Plain(last.Error()))
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
	engine *Engine
	reader Reader
	asked  map[string]string
	worker LogLine // first exception of an engine or worker that is no wrapper
	other  LogLine // first exception of anybody
	usage  LogLine // argparse
	known  LogLine // first complaint that a rule knows
	errors []string
	last   []string // last lines of any kind
	hint   string   // remedy of a hint
	open   *LogLine // exception whose message goes on in the next line
}

// readCauses reads the log once, with bounded memory. A log that cannot be
// read has no causes, and says so as its last line.
func readCauses(spec Spec) *causes {
	c := &causes{engine: spec.Engine, reader: spec.Engine.reader(), asked: spec.Asked}
	if spec.LogPath == "" {
		return c
	}
	t := serverlog.NewTail(spec.LogPath)
	if err := t.Lines(c.add); err != nil {
		c.last = append(c.last, "the log could not be read: "+err.Error())
	}
	t.Rest(c.add)
	return c
}

func (c *causes) add(line string) {
	c.reader.Read(line)
	l := c.engine.parse(line)
	if l.Text == "" {
		return
	}
	c.last = keepLast(c.last, l.Text)
	c.continued(l)
	if h := c.engine.hint(l.Text); h != "" {
		c.hint = h
	}
	if !l.complains() || c.engine.wrapper(l.Text) {
		return
	}
	if c.known.Text == "" && c.engine.rule(l.Text) != nil {
		c.known = l
	}
	switch {
	case exception.MatchString(l.Text):
		c.errors = keepLast(c.errors, l.Text)
		if l.Deep {
			c.first(&c.worker, l)
		}
		c.first(&c.other, l)
	case argparseError.MatchString(l.Text), c.engine.complaint(l.Text):
		c.first(&c.usage, l)
		c.errors = keepLast(c.errors, l.Text)
	case l.Level != "":
		c.errors = keepLast(c.errors, l.Text)
	}
}

// first keeps the first line of a kind. pydantic writes its message on the
// lines that follow: "1 validation error for ParallelConfig", "Value error, ...".
func (c *causes) first(slot *LogLine, l LogLine) {
	if slot.Text != "" {
		return
	}
	*slot = l
	if strings.Contains(l.Text, "validation error") {
		c.open = slot
	}
}

// pydanticMessage begins the line that says what pydantic found.
const pydanticMessage = "Value error, "

// continued replaces pydantic's heading with its message.
func (c *causes) continued(l LogLine) {
	_, message, found := strings.Cut(l.Text, pydanticMessage)
	if c.open == nil || !found {
		return
	}
	heading := c.open.Text
	for _, slot := range []*LogLine{&c.worker, &c.other} {
		if slot.Text == heading {
			message, _, _ = strings.Cut(message, " [type=")
			slot.Text = message
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
	// Rules read the whole text: what they know may lie behind what is shown.
	var text string
	for _, l := range []LogLine{c.worker, c.other, c.usage} {
		if l.Text != "" {
			text = l.Text
			break
		}
	}
	if text == "" && c.known.Text == "" {
		return d
	}
	r := c.engine.rule(text)
	if r == nil && c.known.Text != "" {
		text = c.known.Text
		r = c.engine.rule(text)
	}
	if r != nil {
		d.Class = r.Class
		d.Remedy = r.fill(text, c.values())
	}
	d.Cause = wholeSentences(clip(text))
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

// values are what remedies may use beside the message: the flags as asked, and
// the sizes that the log told.
func (c *causes) values() map[string]string {
	out := map[string]string{}
	for name, value := range c.asked {
		out["asked "+name] = value
	}
	logged := c.reader.Logged()
	for name, x := range map[string]float64{"model_gib": logged.ModelGiB, "kv_gib": logged.KVCacheGiB} {
		if x != 0 {
			out[name] = strconv.FormatFloat(x, 'f', -1, 64)
		}
	}
	return out
}

func keepLast(lines []string, line string) []string {
	if len(lines) == maxEvidence {
		lines = append(lines[:0:0], lines[1:]...)
	}
	return append(lines, clip(line))
}

func clip(line string) string {
	if len(line) > maxEvidenceLine {
		// Not in the middle of a character.
		return strings.ToValidUTF8(line[:maxEvidenceLine], "") + "..."
	}
	return line
}

func diagnoseSilence(spec Spec, phases []Phase, silent time.Duration) Diagnosis {
	c := readCauses(spec)
	d := c.diagnosis()
	phase := PhaseLaunched
	if n := len(phases); n > 0 {
		phase = phases[n-1].Name
	}
	cause := fmt.Sprintf("the log has said nothing for %s, last while %s", silent.Round(time.Second), PhaseText(phase))
	if d.Cause != "" {
		cause += "; " + d.Cause
	}
	d.Class, d.Cause = ClassSilent, cause
	if d.Remedy == "" {
		d.Remedy = "look at the last lines of the log for what it waits for; raise server.silence_timeout if such a pause is normal here (a first compilation, weights from a slow disk)"
	}
	if c.hint != "" {
		d.Remedy = c.hint
	}
	return d
}
