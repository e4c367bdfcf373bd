// Package vllm is what the launcher knows of vLLM in particular: how its log
// reads, which of its messages are causes and which only pass one on, what can
// be done about each, and how it tells its configuration in effect. The facts
// are from the source of the releases of 2025 and 2026; where a line has two
// generations, both are read.
package vllm

import (
	"regexp"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Engine returns the knowledge.
func Engine() *launcher.Engine {
	return &launcher.Engine{
		Name: "vllm", NewReader: func() launcher.Reader { return &reader{parsed: map[string]string{}, settings: map[string]string{}} },
		Rules: rules, Last: fields, Hints: hints, Rooms: rooms, Unknown: unknown, Own: []string{"/vllm/"},
		Wrappers: wrappers, Quoting: quoting, Consequences: consequences, Deaths: deaths, ExitCode: exitCode, Teardown: teardown, Told: told, Fatal: fatal,
		Settings: settings, LengthFlag: vllmflags.MaxModelLen, Effects: effects(), Compare: compare,
		SpareCore: spareCore,
	}
}

func effects() map[string]launcher.Effect {
	out := map[string]launcher.Effect{}
	for name, e := range vllmflags.Effects() {
		out[name] = launcher.Effect(e)
	}
	return out
}

// fatal are the last words of an engine that had been ready:
// v1/engine/core.py, v1/engine/async_llm.py (EngineDeadError),
// v1/executor/multiproc_executor.py, v1/engine/core_client.py.
var fatal = []string{
	"EngineCore encountered a fatal error", "EngineCore encountered an issue", "died unexpectedly", "engine core exited unexpectedly",
}

// deaths are how one process tells that another has died. An exit code of None
// is of a process that was being ended.
var deaths = []*regexp.Regexp{
	regexp.MustCompile(`^(?:Worker|Engine core) proc \S+ died unexpectedly(?: \(exit code: -?\d+\))?,`),
	regexp.MustCompile(`^Worker proc \S+ died unexpectedly, shutting down executor`),
	regexp.MustCompile(`engine core exited unexpectedly`),
}

// exitCode stands in the last words of the server in front.
var exitCode = regexp.MustCompile(`Failed core proc\(s\): \{.*?: (-\d+)`)

// teardown are the lines with which the processes begin to end.
var teardown = []string{
	"[shutdown] ", "Parent process exited, terminating worker", "WorkerProc shutting down", "Shutdown initiated (timeout",
	"Shutting down FastAPI HTTP server", "Waiting for application shutdown",
}

// told are the lines of a server that got a signal.
var told = []string{"API server: shutdown triggered", "trigger received signal=", "Shutdown initiated (timeout"}

// wrappers pass on that something failed elsewhere. Sources:
// v1/engine/core.py, v1/executor/multiproc_executor.py, v1/engine/utils.py,
// v1/engine/core_client.py, v1/worker/worker_base.py.
var wrappers = []string{
	"EngineCore failed to start.",
	"EngineCore encountered a fatal error.",
	"EngineCore encountered an issue",
	"EngineCore hit an exception",
	"WorkerProc failed to start.",
	"WorkerProc hit an exception.",
	"WorkerProc initialization failed due to an exception in a background process",
	"Worker failed with error",
	"Error executing method",
	"Engine core initialization failed. See root cause above",
	"Engine process failed to start",
	"Frontend process failed during engine core initialization",
	"EngineDeadError",
	"AsyncLLM output_handler failed",
	" method failed: ", // Call to add_lora method failed: ...
	"Exception in worker",
	"This might cause deadlock in distributed execution",
}

// quoting are wrappers that quote what failed.
var quoting = []*regexp.Regexp{
	regexp.MustCompile(`Worker failed with error '(.*?)', please check the stack trace`),
	regexp.MustCompile(`Worker failed with error '(.*)'`),
	regexp.MustCompile(`Call to \w+ method failed: (.+)`),
	regexp.MustCompile(`RayTaskError\(\w+\): .*?\b((?:\w+\.)*[A-Z]\w*(?:Error|Exception): .+)`),
}

// consequences are what the death of a process makes others raise.
var consequences = []string{
	"Dumping input data", "Dumping scheduler output", "Dumping scheduler stats",
	"Error in completion stream generator", "Error in chat completion stream generator",
}
