package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// The processes beside the API server.
const (
	engineMode  = "VLLM::EngineCore"
	workerMode  = "VLLM::Worker"
	trackerMode = "resource_tracker"
)

// sharedPipe is the file descriptor of the pipe that ends when all processes
// but the tracker are gone. They hold its writing end.
const sharedPipe = 3

var engine *exec.Cmd

// startEngine makes the processes that vLLM has: the tracker and the engine of
// this process, the worker of the engine. The engine leads a session of its own,
// so that neither group nor terminal leads to it.
func startEngine(segment string) {
	reads, writes, err := os.Pipe()
	must(err)
	tracker := exec.Command(os.Args[0], "--mode", trackerMode, "--segment", segment)
	tracker.ExtraFiles = []*os.File{reads}
	must(tracker.Start())
	reads.Close()
	for {
		if _, err := os.Stat(segment); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	engine = exec.Command(os.Args[0], "--mode", engineMode, "--segment", segment)
	engine.ExtraFiles = []*os.File{writes}
	engine.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	must(engine.Start())
}

// endEngine is what the API server does first when it is asked to end.
func endEngine() {
	if engine != nil {
		_ = engine.Process.Kill()
		_ = engine.Wait()
	}
}

func engineProcess(mode, segment string) int {
	shared := os.NewFile(sharedPipe, "shared")
	// The thread's name is what ps and /proc/PID/comm show.
	_ = os.WriteFile("/proc/self/comm", []byte(mode), 0o600)
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT) // vLLM's engine takes note of it and goes on
	switch mode {
	case trackerMode:
		must(os.WriteFile(segment, []byte("shared"), 0o600))
		_, _ = io.Copy(io.Discard, shared)
		must(os.Remove(segment))
		return 0
	case engineMode:
		worker := exec.Command(os.Args[0], "--mode", workerMode)
		worker.ExtraFiles = []*os.File{shared}
		worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // "Parent process exited"
		must(worker.Start())
	}
	time.Sleep(time.Hour)
	return 0
}

// stream answers with the tokens asked for, or until the client leaves. The
// engine ends with SIGTERM, and no token comes any more, but the answer does not
// end.
func stream(w http.ResponseWriter, r *http.Request, terminated <-chan struct{}) {
	var asked struct {
		MaxTokens int `json:"max_tokens"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked) // no body: without end
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		if n > 0 && n == asked.MaxTokens {
			fmt.Fprint(w, "data: [DONE]\n\n")
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-terminated:
			<-r.Context().Done()
			return
		case <-tick.C:
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"text\":\" %d\",\"finish_reason\":null}]}\n\n", n)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
