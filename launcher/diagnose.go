package launcher

import (
	"errors"
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/internal/say"
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

const wordless = "it was probably killed for lack of memory: check the kernel log (dmesg), free memory, or raise the container's limit"

const readTheLog = "read server.log in the launch's folder of the run directory"

// Diagnose explains why a server ended before it was ready, from its log
// (spec.LogPath), what is known of its engine, and its exit.
func Diagnose(spec Spec, exit Exit) Diagnosis {
	c := readCauses(spec, span{})
	d := c.diagnosis()
	d.Exit = &exit
	if d.Class != "" {
		return d
	}
	if class, cause, remedy := signaled(exit, "before it was ready"); class != "" {
		if d.Cause != "" {
			cause += "; its last error: " + d.Cause
		}
		d.Class, d.Cause, d.Remedy = class, cause, remedy
		return d
	}
	switch {
	case d.Cause != "":
		d.Class = ClassUnclassified
		if d.Remedy == "" {
			d.Remedy = "read the evidence and the server's log"
		}
	case c.died:
		d.Class = ClassEngineDead
		d.Cause = withDetail(fmt.Sprintf("the engine died without a message, and the server ended with exit code %d", exit.Code), exit.Detail)
		d.Remedy = wordless
	case exit.Code == exitUsage:
		d.Class = ClassArguments
		d.Cause = "the server ended with exit code 2, which means wrong arguments"
		d.Remedy = "check that this version of the server has these flags"
	default:
		d.Class = ClassExited
		d.Cause = withDetail(fmt.Sprintf("the server ended with exit code %d before it was ready", exit.Code), exit.Detail)
		d.Remedy = readTheLog
	}
	return d
}

// signaled explains an exit by a signal; class "" where it was none, or one
// that tells nothing.
func signaled(exit Exit, when string) (class Class, cause, remedy string) {
	switch exit.Code {
	case exitKilled:
		// Nobody but the kernel kills a server that is still loading.
		return ClassHostMemory, withDetail("the server was killed "+when+" (exit code 137)", exit.Detail),
			"the machine probably ran out of memory: check the kernel log (dmesg), free memory, or raise the container's limit"
	case exitBus:
		return ClassEnvironment, withDetail("the server had a bus error "+when+" (exit code 135)", exit.Detail),
			"shared memory (/dev/shm) is probably too small: raise shm_size (default 16GiB), or set ipc: host"
	case exitIllegal:
		return ClassEnvironment, withDetail("the server executed an illegal instruction "+when+" (exit code 132)", exit.Detail),
			"this build uses instructions that the CPU does not have: use a build for this CPU"
	case exitSegfault:
		return ClassExited, withDetail("the server had a segmentation fault "+when+" (exit code 139)", exit.Detail),
			"native code crashed: try another attention backend or enforce-eager: true, and check that driver, image and GPU match"
	case exitAborted:
		return ClassExited, withDetail("the server aborted "+when+" (exit code 134)", exit.Detail),
			"native code aborted: read the last lines of the log for the reason"
	}
	return "", "", ""
}

// Classify diagnoses one message, such as a container service's. The class is
// otherwise when no rule knows the message.
func Classify(text string, otherwise Class) Diagnosis {
	d := Diagnosis{Class: otherwise, Cause: clip(text)}
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
	switch _, cause, remedy := signaled(exit, "under load"); {
	case d.Cause != "":
		d.Cause = "the engine died under load: " + d.Cause
	case cause != "":
		d.Cause, d.Remedy = cause, remedy
	case c.told, exit.Code == exitTerm:
		d.Cause, d.Remedy = withDetail(fmt.Sprintf("something stopped the server under load (exit code %d)", exit.Code), exit.Detail),
			"check for a person, a service manager, a job scheduler or a time limit that stopped it"
	case c.died:
		d.Cause = withDetail(fmt.Sprintf("the engine died under load without a message, and the server ended with exit code %d", exit.Code), exit.Detail)
		d.Remedy = wordless
	default:
		d.Cause = withDetail(fmt.Sprintf("the server ended under load with exit code %d", exit.Code), exit.Detail)
	}
	d.Class = ClassEngineDead
	if d.Remedy == "" {
		d.Remedy = readTheLog
	}
	return d
}

// diagnoseIdentity explains why what answers is not to be measured. A port
// that somebody took between its choice and its use is another one at the next
// try; a server that was launched and serves another model is the same then.
func diagnoseIdentity(err error, base string) Diagnosis {
	var other *otherServer
	if errors.As(err, &other) && other.taken {
		return Diagnosis{
			Class:  ClassPort,
			Cause:  fmt.Sprintf("the server at %s is not the one that sweep launched: %s", base, err),
			Remedy: "another program took the port: try again, or stop that program",
		}
	}
	return Diagnosis{
		Class:   ClassIdentity,
		Cause:   fmt.Sprintf("the server at %s is not the one to measure: %s", base, err),
		Remedy:  "correct the model name (server.model, served-model-name) or the API key, or stop the other server",
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
	cause := fmt.Sprintf("the server was not ready after %s; last phase: %s, %s after the launch",
		say.Duration(spec.ReadyTimeout), phase, say.Duration(since))
	if d.Cause != "" {
		cause += "; " + d.Cause
	}
	d.Class, d.Cause, d.Limit, d.Certain = ClassTimeout, cause, nil, false
	if d.Remedy == "" {
		d.Remedy = "if the server is only slow, raise server.ready_timeout: a slow disk or a first compilation can take many minutes"
	}
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
		d.Class, d.Cause = h.Class, fmt.Sprintf("%s: %q (%s)", h.says, clip(line), d.Cause)
	}
}

func diagnoseSilence(spec Spec, phases []Phase, silent time.Duration, until int64) Diagnosis {
	c := readCauses(spec, span{until: until})
	d := c.diagnosis()
	phase := PhaseLaunched
	if n := len(phases); n > 0 {
		phase = phases[n-1].Name
	}
	cause := fmt.Sprintf("the log was silent for %s while the server was %s", say.Duration(silent), PhaseText(phase))
	if d.Cause != "" {
		cause += "; " + d.Cause
	}
	d.Class, d.Cause, d.Limit, d.Certain = ClassSilent, cause, nil, false
	if d.Remedy == "" {
		d.Remedy = "read the last lines of the log to see what it waits for; if such a pause is normal here (a first compilation, a slow disk), raise server.silence_timeout"
	}
	c.hint(&d)
	return d
}

// Diagnose explains why a server that still runs is not measured any longer:
// what was seen, with the root cause from its log where that has one.
func (s *Server) Diagnose(class Class, what string) Diagnosis {
	c := readCauses(s.spec, span{from: max(1, s.logAtReady)})
	d := c.diagnosis()
	d.Class = class
	if d.Cause != "" {
		what = fmt.Sprintf("%s: %s", what, d.Cause)
	}
	d.Cause = what
	if d.Remedy == "" {
		d.Remedy = readTheLog
	}
	if n := len(c.hints); n > 0 {
		d.Remedy, _ = c.hints[n-1].fill(&complaint{kind: kindRecord, message: c.hinted[n-1]}, c.values())
	}
	return d
}

func withDetail(cause, detail string) string {
	if detail == "" {
		return cause
	}
	return cause + ": " + detail
}
