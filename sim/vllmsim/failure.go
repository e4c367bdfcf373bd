package vllmsim

import (
	"fmt"
	"strings"
)

// failure is a start that vLLM gives up, with the text that it logs.
type failure struct {
	config string // configuration class of a validation error; "" otherwise
	kind   string // Python exception
	text   string // root cause
	engine bool   // raised in the engine core
	worker bool   // raised in a worker of the engine core
}

// validation is a pydantic error of one of vLLM's configuration classes.
func validation(config, text string) *failure { return &failure{config: config, text: text} }

// message is the exception as Python prints it.
func (f *failure) message() string {
	if f.config == "" {
		return f.kind + ": " + f.text
	}
	head := fmt.Sprintf("pydantic_core._pydantic_core.ValidationError: 1 validation error for %s\n", f.config)
	if strings.Contains(f.text, "Input should be") { // a field error, laid out already
		return head + f.text
	}
	return head + "  Value error, " + f.text + " [type=value_error, input_value=ArgsKwargs((), {...}), input_type=ArgsKwargs]\n    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
}

// older rewrites a cause for the releases of 2025, up to 0.13.
func older(text string) string {
	return strings.NewReplacer(
		"Free memory on device cuda:0 (", "Free memory on device (",
		"with the model's max seq len", "with the models's max seq len",
	).Replace(text)
}

// report logs a failed start: the cause where it was raised, then the
// wrappers of the processes above.
func (r *run) report(f *failure) {
	if r.version.before(0, 14) {
		copied := *f
		copied.text = older(f.text)
		f = &copied
	}
	if !f.engine && !f.worker {
		r.log.exception(r.api, apiFrames(), f.message())
		return
	}
	text := f.message()
	if f.worker && r.world() > 1 {
		r.log.record(r.worker(0), "ERROR", "multiproc_executor.py:772", "WorkerProc failed to start.\nTraceback (most recent call last):\n%s\n%s", strings.Join(workerFrames(), "\n"), text)
		text = "Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause."
	}
	r.log.record(r.core, "ERROR", "core.py:1346", "EngineCore failed to start.\nTraceback (most recent call last):\n%s\n%s", strings.Join(coreFrames(), "\n"), text)
	r.log.write(r.log.errOut, r.core.prefix()+"Process EngineCore:\n")
	r.log.exception(r.core, coreFrames(), text)
	r.log.exception(r.api, apiFrames(), "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}")
}

// The frames are abridged: readers of logs look for the exception lines.
func apiFrames() []string {
	return []string{`  File "/usr/local/bin/vllm", line 10, in <module>`, `    sys.exit(main())`}
}

func coreFrames() []string {
	return []string{`  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core.py", line 1337, in run_engine_core`}
}

func workerFrames() []string {
	return []string{`  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/executor/multiproc_executor.py", line 744, in worker_main`}
}
