package launcher

import (
	"errors"
	"strconv"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
)

const (
	maxEvidence     = 12   // lines
	maxEvidenceLine = 1000 // bytes of one line
)

// Exit codes: 128 plus the signal that ended the process, and argparse's.
const (
	exitUsage    = 2
	exitIllegal  = 132 // SIGILL
	exitAborted  = 134 // SIGABRT
	exitBus      = 135 // SIGBUS
	exitKilled   = 137 // SIGKILL
	exitSegfault = 139 // SIGSEGV
	exitTerm     = 143 // SIGTERM
)

// signal is what an exit by a signal means for a server that was loading, and
// for one under load.
type signal struct {
	class                     Class
	beforeReady, loaded, help notice.Code
}

// signals by exit code. Nobody but the kernel kills a server that is still
// loading.
var signals = map[int]signal{
	exitKilled: {ClassHostMemory, notice.Known("killed-before-ready"), notice.Known("killed-under-load"), notice.Known("machine-out-of-memory")},
	exitBus:    {ClassEnvironment, notice.Known("bus-error-before-ready"), notice.Known("bus-error-under-load"), notice.Known("shared-memory-too-small")},
	exitIllegal: {ClassEnvironment, notice.Known("illegal-instruction-before-ready"), notice.Known("illegal-instruction-under-load"),
		notice.Known("wrong-cpu-build")},
	exitSegfault: {ClassExited, notice.Known("segmentation-fault-before-ready"), notice.Known("segmentation-fault-under-load"),
		notice.Known("native-segmentation-fault")},
	exitAborted: {ClassExited, notice.Known("aborted-before-ready"), notice.Known("aborted-under-load"), notice.Known("native-abort")},
}

// Diagnose explains why a server ended before it was ready, from its log
// (spec.LogPath), what is known of its engine, and its exit.
func Diagnose(spec Spec, exit Exit) Diagnosis {
	c := readCauses(spec, span{})
	d := c.diagnosis()
	d.Exit = &exit
	if d.Class != "" {
		return d
	}
	if s, ok := signals[exit.Code]; ok {
		d.Class, d.Cause, d.Remedy = s.class, ended(s.beforeReady, exit, d.Cause), notice.Read(s.help, nil)
		return d
	}
	switch {
	case d.Cause.Code != "":
		d.Class = ClassUnclassified
		d.otherwise(notice.New("read-the-evidence", nil))
	case c.died:
		d.Class, d.Cause, d.Remedy = ClassEngineDead, ended(notice.Known("engine-died-before-ready"), exit, d.Cause), notice.New("probably-killed", nil)
	case exit.Code == exitUsage:
		d.Class, d.Cause, d.Remedy = ClassArguments, notice.New("wrong-arguments", nil), notice.New("check-flags", nil)
	default:
		d.Class, d.Cause, d.Remedy = ClassExited, ended(notice.Known("exited-before-ready"), exit, d.Cause), notice.New("read-the-log", nil)
	}
	return d
}

// ended is the cause of an exit, with its code, its detail and what the log
// gives as the cause, as far as its sentence has them.
func ended(code notice.Code, exit Exit, words notice.Notice) notice.Notice {
	n := notice.Read(code, map[string]string{"code": strconv.Itoa(exit.Code), "detail": exit.Detail})
	return because(n, words)
}

// because adds another cause to one whose sentence has a place for it.
func because(n, why notice.Notice) notice.Notice {
	if why.Code == "" {
		return n
	}
	return n.With("why", notice.Said(why))
}

// otherwise sets the remedy if there is none.
func (d *Diagnosis) otherwise(n notice.Notice) {
	if d.Remedy.Code == "" {
		d.Remedy = n
	}
}

// Classify diagnoses one message, such as a container service's. The class is
// otherwise when no rule knows the message.
func Classify(text string, otherwise Class) Diagnosis {
	d := Diagnosis{Class: otherwise, Cause: Quoted(clip(text))}
	x := &complaint{kind: kindRecord, message: text}
	if r := firstRule(generalRules, x); r != nil {
		d.Class, d.Certain = r.Class, r.certain
		d.Remedy, d.Limit = r.fill(x, nil)
	}
	return d
}

// DiagnoseDeath explains the end of a server that had been ready when its log
// had that many bytes. What it logged before, and what its death itself made
// others say, is no cause. vLLM ends with exit code 0 when its engine died
// (entrypoints/launcher.py watches it), so the code says little unless a signal
// ended it.
func DiagnoseDeath(spec Spec, exit Exit, ready int64) Diagnosis {
	c := readCauses(spec, span{from: max(1, ready)})
	d := c.diagnosis()
	d.Exit = &exit
	switch s, signaled := signals[exit.Code]; {
	case d.Cause.Code != "":
		d.Cause = because(notice.New("engine-died", nil), d.Cause)
	case signaled:
		d.Cause, d.Remedy = ended(s.loaded, exit, d.Cause), notice.Read(s.help, nil)
	case c.told, exit.Code == exitTerm:
		d.Cause, d.Remedy = ended(notice.Known("stopped-under-load"), exit, d.Cause), notice.New("find-what-stopped-it", nil)
	case c.died:
		d.Cause, d.Remedy = ended(notice.Known("engine-died-silently"), exit, d.Cause), notice.New("probably-killed", nil)
	default:
		d.Cause = ended(notice.Known("exited-under-load"), exit, d.Cause)
	}
	d.Class = ClassEngineDead
	d.otherwise(notice.New("read-the-log", nil))
	return d
}

// diagnoseIdentity explains why what answers is not to be measured. A port
// that somebody took between its choice and its use is another one at the next
// try; a server that was launched and serves another model is the same then.
func diagnoseIdentity(err error, base string) Diagnosis {
	args := notice.Args{"url": notice.Text(base), "why": notice.Text(err.Error())}
	var other *otherServer
	if errors.As(err, &other) && other.taken {
		return Diagnosis{Class: ClassPort, Cause: notice.New("another-server", args), Remedy: notice.New("port-taken", nil)}
	}
	return Diagnosis{
		Class: ClassIdentity, Cause: notice.New("wrong-server", args), Remedy: notice.New("correct-model-or-key", nil),
		Certain: other != nil && other.certain,
	}
}

// DiagnoseTimeout explains from its log why a server was never ready; Start
// knows more of how far it came.
func DiagnoseTimeout(spec Spec) Diagnosis {
	return diagnoseTimeout(spec, nil, errors.New("sweep did not ask"), 0)
}

// diagnoseTimeout explains a server that was not ready in time. Only what it
// had logged by then counts: the rest is the end that was made of it.
func diagnoseTimeout(spec Spec, phases []Phase, last error, until int64) Diagnosis {
	c := readCauses(spec, span{until: until})
	d := c.diagnosis()
	d.Evidence = append(d.Evidence, "last answer: "+wording.Plain(last.Error()))
	phase := PhaseLaunched
	var since time.Duration
	if n := len(phases); n > 0 {
		phase, since = phases[n-1].Name, phases[n-1].At
	}
	cause := notice.New("not-ready-in-time", notice.Args{
		"limit": notice.Span(spec.ReadyTimeout), "phase": notice.Text(phase), "since": notice.Span(since),
	})
	d.Class, d.Cause, d.Limit, d.Certain = ClassTimeout, because(cause, d.Cause), nil, false
	d.otherwise(notice.New("raise-ready-timeout", nil))
	c.hint(&d)
	return d
}

// hint lets the last hint of the log speak: its remedy and, where it knows more
// than that the start is slow, its class and the line as the cause.
func (c *causes) hint(d *Diagnosis) {
	if len(c.hints) == 0 {
		return
	}
	h, line := c.hints[len(c.hints)-1], c.hinted[len(c.hinted)-1]
	d.Remedy, _ = h.fill(&complaint{kind: kindRecord, message: line}, c.values())
	if h.Class != ClassTimeout {
		cause := notice.Read(h.says, map[string]string{"line": clip(line)})
		d.Class, d.Cause = h.Class, because(cause, d.Cause)
	}
}

func diagnoseSilence(spec Spec, phases []Phase, silent time.Duration, until int64) Diagnosis {
	c := readCauses(spec, span{until: until})
	d := c.diagnosis()
	phase := PhaseLaunched
	if n := len(phases); n > 0 {
		phase = phases[n-1].Name
	}
	cause := notice.New("log-silent", notice.Args{"quiet": notice.Span(silent), "doing": notice.Text(PhaseText(phase))})
	d.Class, d.Cause, d.Limit, d.Certain = ClassSilent, because(cause, d.Cause), nil, false
	d.otherwise(notice.New("raise-silence-timeout", nil))
	c.hint(&d)
	return d
}

// Diagnose explains why a server that still runs is not measured any longer:
// what was seen, with the root cause from its log (argument "why") where that
// has one.
func (s *Server) Diagnose(class Class, what notice.Notice) Diagnosis {
	c := readCauses(s.spec, span{from: max(1, s.logAtReady)})
	d := c.diagnosis()
	d.Class, d.Cause = class, because(what, d.Cause)
	d.otherwise(notice.New("read-the-log", nil))
	if n := len(c.hints); n > 0 {
		d.Remedy, _ = c.hints[n-1].fill(&complaint{kind: kindRecord, message: c.hinted[n-1]}, c.values())
	}
	return d
}
