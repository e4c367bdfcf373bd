package notice

import "time"

// cause is the entry of a cause of a failed launch or of a death. Causes are
// clauses: "did not start: {cause}" holds them.
func cause(code Code, says, means string, example Args) entry {
	return entry{Code: code, Severity: Failed, Says: says, Means: means, Example: example}
}

const (
	meansQuoted   = "Another program's words, as they are: the server's, the container service's or the system's."
	meansSignal   = "The exit code says which signal ended the server. Its log named no cause."
	meansExit     = "The server ended by itself. Its log named no cause."
	meansWatch    = "sweep watches a server under load. What the server's log says about it follows."
	meansIdentity = "Before any load, sweep verifies that the server that answers is the one to measure."
	meansPruned   = "With matrix.prune, sweep skips a configuration that is certain to fail like another one."
)

// causes are what ended a launch or a server, in the diagnosis of its record.
var causes = []entry{
	cause("quoted",
		"{words}",
		meansQuoted,
		Args{
			"words": Text("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"),
		}),

	cause("killed-before-ready",
		"the server was killed before it was ready (exit code 137)[: {detail}][; its last error: {why}]",
		meansSignal, Args{}),
	cause("bus-error-before-ready",
		"the server had a bus error before it was ready (exit code 135)[: {detail}][; its last error: {why}]",
		meansSignal, Args{}),
	cause("illegal-instruction-before-ready",
		"the server executed an illegal instruction before it was ready (exit code 132)[: {detail}][; its last "+
			"error: {why}]", meansSignal, Args{}),
	cause("segmentation-fault-before-ready",
		"the server had a segmentation fault before it was ready (exit code 139)[: {detail}][; its last error: "+
			"{why}]", meansSignal, Args{}),
	cause("aborted-before-ready",
		"the server aborted before it was ready (exit code 134)[: {detail}][; its last error: {why}]",
		meansSignal, Args{}),
	cause("killed-under-load", "the server was killed under load (exit code 137)[: {detail}]", meansSignal, Args{}),
	cause("bus-error-under-load",
		"the server had a bus error under load (exit code 135)[: {detail}]", meansSignal, Args{}),
	cause("illegal-instruction-under-load",
		"the server executed an illegal instruction under load (exit code 132)[: {detail}]", meansSignal, Args{}),
	cause("segmentation-fault-under-load",
		"the server had a segmentation fault under load (exit code 139)[: {detail}]", meansSignal, Args{}),
	cause("aborted-under-load", "the server aborted under load (exit code 134)[: {detail}]", meansSignal, Args{}),

	cause("engine-died-before-ready",
		"the engine died without a message, and the server ended with exit code {code}[: {detail}]",
		"The log says that the engine's process is gone, and not why.", Args{"code": Text("1")}),
	cause("engine-died",
		"the engine died under load[: {why}]",
		meansWatch, Args{"why": Text("torch.OutOfMemoryError: CUDA out of memory")}),
	cause("engine-died-silently",
		"the engine died under load without a message, and the server ended with exit code {code}[: {detail}]",
		"The log says that the engine's process is gone, and not why.", Args{"code": Text("0")}),
	cause("exited-before-ready",
		"the server ended with exit code {code} before it was ready[: {detail}]", meansExit, Args{"code": Text("1")}),
	cause("exited-under-load",
		"the server ended under load with exit code {code}[: {detail}]", meansExit, Args{"code": Text("1")}),
	cause("stopped-under-load",
		"something stopped the server under load (exit code {code})[: {detail}]",
		"The server said that it was asked to end, or ended with the code of SIGTERM. sweep did not ask.",
		Args{
			"code": Text("143"),
		}),
	cause("wrong-arguments",
		"the server ended with exit code 2, which means wrong arguments",
		"Programs in Python end with code 2 when they do not understand their command line.", Args{}),

	cause("not-ready-in-time",
		"the server was not ready after {limit}[ (last phase: {phase}, {since} after the launch)][: {why}]",
		"server.ready_timeout ended the launch.",
		Args{
			"limit": Span(10 * time.Minute), "phase": Text("compiling"), "since": Span(90 * time.Second),
		}),
	cause("log-silent",
		"the log was silent for {quiet} while the server was {doing}[: {why}]",
		"server.silence_timeout ended the launch.",
		Args{
			"quiet": Span(5 * time.Minute), "doing": Text("loading weights"),
		}),
	cause("no-api-server",
		"vLLM launched no API server: {line}[ ({why})]",
		"vLLM's log says that it launched only engines, so nothing answers sweep.",
		Args{
			"line": Text("Launching 2 data parallel engine(s) in headless mode"),
		}),
	cause("another-server",
		"the server at {url} is not the one that sweep launched: {why}",
		meansIdentity,
		Args{
			"url": Text("http://127.0.0.1:8000"), "why": Text("port 8000 belongs to process 4711 (python3)"),
		}),
	cause("wrong-server",
		"the server at {url} is not the one to measure: {why}",
		meansIdentity,
		Args{
			"url": Text("http://127.0.0.1:8000"), "why": Text(`expected model "a", but the server offers "b"`),
		}),
	cause("value-not-applied",
		"{flag} {asked} was requested, but {in_effect} is in effect[, and other values of {others}, too]",
		"The server reports a different value than requested. Its results would be those of another configuration.",
		Args{
			"flag": Text("max-model-len"), "asked": Text("32768"), "in_effect": Text("4096"),
		}),
	cause("image-without-command",
		"image {image} has no entry point, so the container would run the flags as a command",
		"The image does not say how to start its server.", Args{"image": Text("vllm/vllm-openai:v0.32.0")}),
	cause("image-missing",
		"image {image}: {why}",
		"The image cannot be found or pulled.",
		Args{
			"image": Text("vllm/vllm-openai:v9"), "why": Text("manifest unknown"),
		}),

	cause("server-gone", "the server died under load[: {why}]", meansWatch, Args{}),
	cause("engine-unhealthy", "the engine died under load: /health answers 503[: {why}]", meansWatch, Args{}),
	cause("connections-refused", "the server refuses connections[: {why}]", meansWatch, Args{}),
	cause("no-token",
		"no token from any stream for {quiet} while {n|request was|requests were} in flight[: {why}]",
		meansWatch, Args{"quiet": Span(2 * time.Minute), "n": Count(16)}),
	cause("health-silent",
		"requests failed and /health did not answer for {waited}[: {why}]",
		meansWatch, Args{"waited": Span(10 * time.Second)}),

	cause("cannot-start",
		"cannot start: {finding}",
		"The pre-flight checks show that it would fail, so sweep does not launch the configuration.",
		Args{
			"finding": Text("max-model-len 1,000,000 exceeds the model's 131,072"),
		}),
	cause("pruned-memory",
		"pruned: {flags} needs more memory than {configuration}, which could not start: {why} (launch {launch})",
		meansPruned,
		Args{
			"flags": List("max-model-len=32768"), "configuration": Text("max-model-len=16384"),
			"launch": Text("s001"), "why": Text("CUDA out of memory"),
		}),
	cause("pruned-above",
		"pruned: {flag} must be at most {limit}, which was found with {configuration}, which could not start: "+
			"{why} (launch {launch})",
		meansPruned,
		Args{
			"flag": Text("max-num-seqs"), "limit": Count(600), "configuration": Text("max-num-seqs=1024"),
			"launch": Text("s001"), "why": Text("no room"),
		}),
	cause("pruned-below",
		"pruned: {flag} must be at least {limit}, which was found with {configuration}, which could not start: "+
			"{why} (launch {launch})",
		meansPruned,
		Args{
			"flag": Text("max-lora-rank"), "limit": Count(64), "configuration": Text("max-lora-rank=16"),
			"launch": Text("s001"), "why": Text("no room"),
		}),
}
