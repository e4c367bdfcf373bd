package vllmsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
	"github.com/vllm-sweep/sweep/sim/vllmsim/flags"
	"github.com/vllm-sweep/sweep/sim/vllmsim/server"
)

// Exit codes, as vLLM's.
const (
	exitDone    = 0
	exitFailed  = 1   // exception at start
	exitUsage   = 2   // argparse
	exitCrashed = 137 // the crash-after fault
)

// lateSeconds is the lag of the real clock from which on timings are not to
// be trusted.
const lateSeconds = 0.02

// Main runs `vllm serve` with the arguments behind `serve` until ctx ends
// and returns the exit code: 0 after ctx ended (also after the engine died,
// as vLLM does), 1 for a failed start, 2 for a wrong command line.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	v, err := flags.Parse(args)
	if errors.Is(err, flags.ErrHelp) {
		help(stdout)
		return exitDone
	}
	var refusal *flags.Error
	if err != nil && !errors.As(err, &refusal) {
		return configError(stderr, err)
	}
	if err != nil {
		return usageError(stderr, err)
	}
	pid := os.Getpid()
	s, refused, err := resolve(v, uint64(time.Now().UnixNano())^uint64(pid)<<40)
	if err != nil {
		return usageError(stderr, err)
	}
	if code := s.faults.ExitAtOnce; code != 0 {
		fmt.Fprintln(stderr, "vllm: exit at once, as --sim-fault asks")
		return code
	}
	if s.faults.IgnoreTerm {
		ctx = context.WithoutCancel(ctx)
	}
	r := &run{setup: s, log: &logger{out: stdout, errOut: stderr}, api: process{"APIServer", pid}, core: process{coreName(s.version), pid + 1}}
	if refused == nil {
		if r.feed, err = s.openFeed(pid); err != nil {
			return usageError(stderr, fmt.Errorf("argument --sim-gpu-state: %w", err))
		}
	}
	code := r.main(ctx, refused)
	if err := r.feed.release(s.faults.LateMemory); err != nil {
		r.log.record(r.api, "WARNING", "simulator", "%v", err)
	}
	return code
}

// coreName is the engine core's name in log prefixes.
func coreName(v version) string {
	if v.before(0, 13) {
		return "EngineCore_DP0"
	}
	return "EngineCore"
}

// main binds the port, starts the engine, serves.
func (r *run) main(ctx context.Context, refused *failure) int {
	r.log.info(r.api, "api_server.py:1273", "vLLM API server version %s", r.version)
	host, port := r.values.Text("host", ""), r.values.Int("port", 8000)
	sock, err := bind(host, port)
	if err != nil {
		return r.portError(err)
	}
	if refused != nil {
		sock.close()
		r.report(refused)
		return exitFailed
	}
	engines, failed, err := r.start(ctx)
	if failed != nil {
		sock.close()
		r.report(failed)
		return exitFailed
	}
	if err != nil {
		sock.close()
		if ctx.Err() != nil {
			return exitDone
		}
		r.report(&failure{kind: "RuntimeError", text: err.Error()})
		return exitFailed
	}
	if _, err := r.phase(ctx, frontendSeconds); err != nil {
		sock.close()
		return exitDone
	}
	listener, err := sock.listen()
	if err != nil {
		return r.portError(err)
	}
	return r.serve(ctx, listener, engines)
}

func (r *run) portError(err error) int {
	text := "OSError: " + err.Error()
	if errors.Is(err, syscall.EADDRINUSE) {
		text = "OSError: [Errno 98] Address already in use"
	}
	r.log.exception(r.api, apiFrames(), text)
	return exitFailed
}

// serve answers HTTP until ctx ends or an engine dies.
func (r *run) serve(ctx context.Context, listener net.Listener, engines []*engine.Engine) int {
	o := r.options(engines)
	o.DevMode = os.Getenv("VLLM_SERVER_DEV_MODE") == "1"
	if key := os.Getenv("VLLM_API_KEY"); key != "" {
		o.APIKeys = append(o.APIKeys, key)
	}
	o.Info = r.info()
	if !r.values.Bool("disable-uvicorn-access-log", false) && r.quiet() {
		o.Access = r.access
	}
	if path := r.values.Text("sim-log-requests", ""); path != "" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			_ = listener.Close()
			return usageError(r.log.errOut, fmt.Errorf("argument --sim-log-requests: %w", err))
		}
		defer file.Close()
		o.Requests = file
	}
	srv := server.New(o)
	r.log.info(r.api, "api_server.py:541", "Supported tasks: ['generate']")
	name := "server"
	if r.version.before(0, 14) {
		name = "API server 0"
	}
	r.log.info(r.api, "api_server.py:548", "Starting vLLM %s on http://%s", name, listener.Addr())
	r.log.uvicorn(r.api, "Started server process [%d]", r.api.pid)
	r.log.uvicorn(r.api, "Waiting for application startup.")
	r.log.uvicorn(r.api, "Application startup complete.")
	return r.until(ctx, srv, listener)
}

// quiet says whether uvicorn's level lets access lines through.
func (r *run) quiet() bool {
	level := r.values.Text("uvicorn-log-level", "info")
	return level == "info" || level == "debug" || level == "trace"
}

func (r *run) access(remote, method, path string, status int) {
	r.log.uvicorn(r.api, `%s - "%s %s HTTP/1.1" %d %s`, remote, method, path, status, http.StatusText(status))
}

// until runs the engines and the HTTP server to their end.
func (r *run) until(ctx context.Context, srv *server.Server, listener net.Listener) int {
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	h := &http.Server{Handler: srv, BaseContext: func(net.Listener) context.Context { return requests }, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- h.Serve(listener) }()
	logged := make(chan struct{})
	stats, stopStats := context.WithCancel(ctx)
	go func() { defer close(logged); r.logStats(stats, srv) }()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		if err := r.feed.follow(stats, srv, awakeBytes(r.engine), asleepBytes(r.engine)); err != nil {
			r.log.record(r.api, "WARNING", "simulator", "%v", err)
		}
	}()
	flooded := make(chan struct{})
	go func() { defer close(flooded); r.flood(stats) }()

	err := srv.Run(ctx)
	code := exitDone
	switch {
	case errors.Is(err, server.ErrCrashed):
		code = exitCrashed
	case err != nil:
		r.mourn(ctx, err)
	}
	stopStats()
	<-logged
	<-flooded
	<-fed
	abort()
	if code == exitDone {
		r.log.uvicorn(r.api, "Shutting down")
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = h.Shutdown(grace) // what remains is closed below
		cancel()
		r.log.uvicorn(r.api, "Application shutdown complete.")
	}
	_ = h.Close()
	<-served
	return code
}

// mourn logs the engine's death and waits for the watchdog of the API server,
// which looks every five seconds and then exits with 0.
func (r *run) mourn(ctx context.Context, err error) {
	cause := "torch.AcceleratorError: CUDA error: an illegal memory access was encountered"
	if errors.Is(err, server.ErrOutOfMemory) {
		m := engine.PlanMemory(r.engine)
		cause = outOfMemory(m).message()
	}
	r.log.record(r.core, "ERROR", "core.py:1348", "EngineCore encountered a fatal error.\nTraceback (most recent call last):\n%s\n%s", strings.Join(coreFrames(), "\n"), cause)
	r.log.record(r.api, "ERROR", "async_llm.py:708", "AsyncLLM output_handler failed.\nvllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.")
	if os.Getenv("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH") == "1" {
		<-ctx.Done()
		return
	}
	timer := time.NewTimer(time.Duration(float64(5*time.Second) / max(1, r.speedup)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// flood writes the lines of the log-flood fault, in bursts of a tenth of a
// second.
func (r *run) flood(ctx context.Context) {
	if r.faults.LogFlood == 0 {
		return
	}
	const every = 100 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	written, began := 0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(r.faults.LogFlood)); written < due && ctx.Err() == nil; written++ {
			r.log.record(r.core, "WARNING", "simulator", "line %d of a flood that --sim-fault log-flood asks for; it says nothing of use", written)
		}
	}
}

// logStats writes the periodic line of each engine every ten seconds.
func (r *run) logStats(ctx context.Context, srv *server.Server) {
	if r.values.Bool("disable-log-stats", false) {
		return
	}
	interval := statsInterval()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	last := srv.Snapshot()
	busy := make([]bool, len(last)) // in the interval before
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := srv.Snapshot()
		for i, s := range now {
			if s.Late > lateSeconds {
				r.log.record(r.api, "WARNING", "simulator", "Engine %03d was up to %.0f ms behind its simulated clock: this machine is too slow for the load, or --sim-speedup too high", i, s.Late*1e3)
			}
			was := busy[i]
			busy[i] = s.Prompt != last[i].Prompt || s.Generated != last[i].Generated
			if busy[i] || was { // vLLM logs idle engines at DEBUG
				r.log.info(r.api, "loggers.py:259", "%s", statsLine(i, last[i], s, interval.Seconds()))
			}
		}
		last = now
	}
}

// statsInterval is the time between two periodic lines.
func statsInterval() time.Duration {
	if s, err := strconv.ParseFloat(os.Getenv("VLLM_LOG_STATS_INTERVAL"), 64); err == nil && s > 0 {
		return time.Duration(s * float64(time.Second))
	}
	return 10 * time.Second
}

// statsLine is vLLM's periodic line; preemptions show where there were any.
func statsLine(i int, last, s server.Snapshot, seconds float64) string {
	preempted := ""
	if n := s.Preemptions - last.Preemptions; n > 0 {
		preempted = fmt.Sprintf("Preemptions: %d, ", n)
	}
	return fmt.Sprintf("Engine %03d: Avg prompt throughput: %.1f tokens/s, Avg generation throughput: %.1f tokens/s, Running: %d reqs, Waiting: %d reqs, %sGPU KV cache usage: %.1f%%, Prefix cache hit rate: %.1f%%",
		i, float64(s.Prompt-last.Prompt)/seconds, float64(s.Generated-last.Generated)/seconds, s.Running, s.Waiting, preempted, s.Usage*100, s.HitRate*100)
}

// usageError prints an error as argparse does.
func usageError(w io.Writer, err error) int {
	usage, program := "vllm serve [model_tag] [options]", "vllm serve"
	var refused *flags.Error
	if errors.As(err, &refused) && refused.Unknown {
		usage, program = "vllm [-h] [-v] {chat,complete,serve,launch,bench,collect-env,run-batch} ...", "vllm"
	}
	fmt.Fprintf(w, "usage: %s\n%s: error: %v\n", usage, program, err)
	return exitUsage
}

// configError reports a --config file that cannot be used: an exception, not
// argparse.
func configError(w io.Writer, err error) int {
	text := "ValueError: " + err.Error()
	var path *fs.PathError
	if errors.As(err, &path) && errors.Is(err, fs.ErrNotExist) {
		text = fmt.Sprintf("FileNotFoundError: [Errno 2] No such file or directory: '%s'", path.Path)
	}
	fmt.Fprintf(w, "Traceback (most recent call last):\n%s\n%s\n", strings.Join(apiFrames(), "\n"), text)
	return exitFailed
}

// help lists the simulator's own flags; the rest is vLLM's.
func help(w io.Writer) {
	fmt.Fprint(w, "usage: vllm serve [model_tag] [options]\n\nA simulated vLLM server: takes the flags of `vllm serve` and these:\n\n")
	for _, f := range flags.Table(vllmflags.Newest()) {
		if f.Help != "" {
			fmt.Fprintf(w, "  --%-22s %s\n", f.Name, f.Help)
		}
	}
}
