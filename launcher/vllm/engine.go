// Package vllm is what the launcher knows of vLLM in particular: how its log
// reads, which of its messages are causes and which only pass one on, what can
// be done about each, and how it tells its configuration in effect. The facts
// are from the source of the releases of 2025 and 2026; where a line has two
// generations, both are read.
package vllm

import (
	"regexp"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// Engine returns the knowledge.
func Engine() *launcher.Engine {
	return &launcher.Engine{
		Name: "vllm", Parse: parseLine, NewReader: func() launcher.Reader { return &reader{settings: map[string]string{}} },
		Rules: rules, Hints: hints, Wrappers: wrappers, Fatal: fatal, Settings: settings, Same: same,
	}
}

var (
	// Process prefixes: (APIServer pid=1), (EngineCore pid=1), (EngineCore_0
	// pid=1), (EngineCore_DP0 pid=1), (Worker pid=1), (Worker_TP0 pid=1),
	// (VllmWorker rank=0 pid=1).
	linePrefix = regexp.MustCompile(`^\((?:Vllm)?(APIServer|EngineCore|Worker)\w*(?: rank=\d+)? pid=\d+\)\s?`)
	lineHead   = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: (?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?)?(?: \[[^\]]*\]|:)\s?`)
)

// parseLine takes a line apart:
//
//	(EngineCore pid=123) ERROR 08-17 12:00:01 [core.py:1346] text
func parseLine(s string) launcher.LogLine {
	var l launcher.LogLine
	// Output of a worker may come through the engine core: two prefixes, the
	// last one is who spoke.
	for m := linePrefix.FindStringSubmatch(s); m != nil; m = linePrefix.FindStringSubmatch(s) {
		l.Deep, s = m[1] != "APIServer", s[len(m[0]):]
	}
	if m := lineHead.FindStringSubmatch(s); m != nil {
		l.Level, s = m[1], s[len(m[0]):]
	}
	l.Text = strings.TrimRight(s, " \t")
	return l
}

// fatal are the last words of an engine that had been ready:
// v1/engine/core.py, v1/engine/async_llm.py (EngineDeadError).
var fatal = []string{"EngineCore encountered a fatal error", "EngineCore encountered an issue"}

// wrappers pass on that something failed elsewhere. Sources:
// v1/engine/core.py, v1/executor/multiproc_executor.py, v1/engine/utils.py,
// v1/engine/core_client.py.
var wrappers = []string{
	"EngineCore failed to start.",
	"EngineCore encountered a fatal error.",
	"EngineCore encountered an issue",
	"WorkerProc failed to start.",
	"WorkerProc hit an exception.",
	"WorkerProc initialization failed due to an exception in a background process",
	"Worker failed with error",
	"Engine core initialization failed. See root cause above",
	"Engine process failed to start",
	"Frontend process failed during engine core initialization",
	"EngineDeadError",
	"AsyncLLM output_handler failed",
}
