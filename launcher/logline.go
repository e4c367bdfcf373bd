package launcher

import (
	"regexp"
	"strings"
)

// logLine is one line of vLLM's output, taken apart:
//
//	(EngineCore pid=123) ERROR 08-17 12:00:01 [core.py:1346] text
type logLine struct {
	origin string // Worker, EngineCore, APIServer, or "" without prefix
	level  string // DEBUG, INFO, WARNING, ERROR, CRITICAL, or "" without one
	text   string
}

var (
	// Process prefixes: (APIServer pid=1), (EngineCore pid=1), (EngineCore_0
	// pid=1), (EngineCore_DP0 pid=1), (Worker pid=1), (Worker_TP0 pid=1),
	// (VllmWorker rank=0 pid=1).
	linePrefix = regexp.MustCompile(`^\((?:Vllm)?(APIServer|EngineCore|Worker)\w*(?: rank=\d+)? pid=\d+\)\s?`)
	lineHead   = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: (?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?)?(?: \[[^\]]*\]|:)\s?`)
	ansiColour = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

func parseLine(s string) logLine {
	var l logLine
	s = ansiColour.ReplaceAllString(s, "")
	// Output of a worker may come through the engine core: two prefixes, the
	// last one is who spoke.
	for m := linePrefix.FindStringSubmatch(s); m != nil; m = linePrefix.FindStringSubmatch(s) {
		l.origin, s = m[1], s[len(m[0]):]
	}
	if m := lineHead.FindStringSubmatch(s); m != nil {
		l.level, s = m[1], s[len(m[0]):]
	}
	l.text = strings.TrimRight(s, " \t")
	return l
}

// complains says whether the line may tell a cause: errors and lines without
// a level, which tracebacks and argparse write.
func (l logLine) complains() bool {
	return l.level == "" || l.level == "ERROR" || l.level == "CRITICAL"
}

// exception is the last line of a Python traceback: "pkg.SomeError: message".
var exception = regexp.MustCompile(`^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Timeout|Exit|NotFound)(?:: .*|:?$)`)

// argparseError is the last line of argparse: "vllm serve: error: message".
var argparseError = regexp.MustCompile(`^\S+(?: \S+)?: error: .+`)

// wrappers pass on that something failed elsewhere; they are never the cause.
// Sources: v1/engine/core.py, v1/executor/multiproc_executor.py,
// v1/engine/utils.py, v1/engine/core_client.py.
var wrappers = []string{
	"EngineCore failed to start.",
	"EngineCore encountered a fatal error.",
	"EngineCore encountered an issue",
	"WorkerProc failed to start.",
	"WorkerProc hit an exception.",
	"WorkerProc initialization failed due to an exception in a background process",
	"Engine core initialization failed. See root cause above",
	"Engine process failed to start",
	"Frontend process failed during engine core initialization",
	"EngineDeadError",
	"SystemExit",
	"KeyboardInterrupt",
	"DistStoreError",
	"Broken pipe",
	"CalledProcessError",
}

func isWrapper(text string) bool {
	for _, w := range wrappers {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
