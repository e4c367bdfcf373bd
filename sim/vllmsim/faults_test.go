package vllmsim

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const streamed = `{"prompt":"a","max_tokens":10,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}`

// TestStreamFaults: what a client sees of each fault; the next request is
// healthy again.
func TestStreamFaults(t *testing.T) {
	for _, x := range []struct {
		fault    string
		status   int
		events   bool // some
		done     bool
		mistaken bool // an error chunk
		cut      bool
	}{
		{fault: "503=2", status: 503},
		{fault: "empty-200=2", status: 200},
		{fault: "truncate=2", status: 200, events: true},
		{fault: "error-in-stream=2", status: 200, events: true, done: true, mistaken: true},
		{fault: "reset=2", status: 200, events: true, cut: true},
	} {
		t.Run(x.fault, func(t *testing.T) {
			s := serve(t, "--sim-fault", x.fault)
			for _, healthy := range []bool{true, false, true} {
				resp := s.open(t.Context(), "POST", "/v1/completions", streamed)
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if healthy {
					if err != nil || resp.StatusCode != 200 || !strings.HasSuffix(string(text), "data: [DONE]\n\n") || strings.Contains(string(text), `"error"`) {
						t.Fatalf("healthy request: %d, %v\n%s", resp.StatusCode, err, text)
					}
					continue
				}
				if (err != nil) != x.cut || resp.StatusCode != x.status {
					t.Fatalf("status %d, error %v", resp.StatusCode, err)
				}
				if resp.StatusCode != 200 || x.cut {
					continue
				}
				list, done := events(t, strings.NewReader(string(text)))
				mistaken := false
				for _, c := range list {
					mistaken = mistaken || c.Error != nil
				}
				if (len(list) > 0) != x.events || done != x.done || mistaken != x.mistaken || strings.Contains(string(text), `"finish_reason":"length"`) {
					t.Errorf("[DONE] %v, error %v\n%s", done, mistaken, text)
				}
			}
		})
	}
}

// TestEngineDeath: streams get an error, /health turns 503, new requests
// 500, and the process exits with 0 as vLLM's does.
func TestEngineDeath(t *testing.T) {
	s := serve(t, "--sim-fault", "die-after=1", "--sim-speedup", "5") // the watchdog looks after a second
	list, done := s.stream("/v1/completions", strings.Replace(streamed, "10", "1000", 1))
	if !done || len(list) == 0 || list[len(list)-1].Error == nil || !strings.Contains(list[len(list)-1].Error.Message, "EngineCore encountered an issue") {
		t.Errorf("[DONE] %v, events %+v", done, list)
	}
	if status, _ := s.do("GET", "/health", ""); status != 503 {
		t.Errorf("health: status %d, want 503", status)
	}
	if status, text := s.do("POST", "/v1/completions", `{"prompt":"a"}`); status != 500 {
		t.Errorf("status %d, want 500: %s", status, text)
	}
	if code := <-s.exited; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.exited <- 0 // for the clean-up
	if !strings.Contains(s.out.String(), "EngineCore encountered a fatal error.") {
		t.Errorf("no cause in the log\n%s", s.out)
	}
}

// TestCrash: the process is gone at once.
func TestCrash(t *testing.T) {
	s := serve(t, "--sim-fault", "crash-after=1")
	resp := s.open(t.Context(), "POST", "/v1/completions", strings.Replace(streamed, "10", "1000", 1))
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the stream ended as if complete")
	}
	if code := <-s.exited; code != 137 {
		t.Errorf("exit code %d, want 137", code)
	}
	s.exited <- 0
}

// TestWedge: health and metrics answer, generation does not.
func TestWedge(t *testing.T) {
	s := serve(t, "--sim-fault", "wedge")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	resp := s.open(ctx, "POST", "/v1/completions", streamed)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(string(text), "[DONE]") {
		t.Errorf("error %v\n%s", err, text)
	}
	for _, path := range []string{"/health", "/metrics"} {
		if status, _ := s.do("GET", path, ""); status != 200 {
			t.Errorf("%s: status %d", path, status)
		}
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestOutOfMemoryUnderLoad: as many requests at once as the fault says kill
// the engine, with the allocator's text in the log and exit code 0.
func TestOutOfMemoryUnderLoad(t *testing.T) {
	s := serve(t, "--sim-fault", "oom=2", "--sim-speedup", "5")
	long := strings.Replace(streamed, "10", "20000", 1)
	first := s.open(t.Context(), "POST", "/v1/completions", long)
	defer first.Body.Close()
	if _, err := bufio.NewReader(first.Body).ReadString('\n'); err != nil { // alone it runs
		t.Fatal(err)
	}
	list, done := s.stream("/v1/completions", long)
	if !done || len(list) == 0 || list[len(list)-1].Error == nil {
		t.Errorf("[DONE] %v, %d events without an error", done, len(list))
	}
	if code := <-s.exited; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.exited <- 0
	text := s.out.String()
	fatal, cause := strings.Index(text, "EngineCore encountered a fatal error."), strings.Index(text, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate")
	if fatal < 0 || cause < fatal {
		t.Errorf("the log lacks the fatal error and its cause\n%s", text)
	}
}

// TestSlowToken: the stream is whole, but one gap is two simulated seconds
// longer.
func TestSlowToken(t *testing.T) {
	s := serve(t, "--sim-fault", "slow-token=2", "--sim-speedup", "10")
	for _, slow := range []bool{false, true, false} {
		began := time.Now()
		list, done := s.stream("/v1/completions", streamed)
		if last := list[len(list)-1]; !done || last.Usage == nil || last.Usage.Completion != 10 {
			t.Errorf("[DONE] %v, last event %+v", done, last)
		}
		if took := time.Since(began); slow && took < 200*time.Millisecond {
			t.Errorf("took %v, want at least 200 ms", took)
		}
	}
}

// TestSilence: a request without any answer, between two healthy ones.
func TestSilence(t *testing.T) {
	s := serve(t, "--sim-fault", "silence=2")
	s.stream("/v1/completions", streamed)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/completions", strings.NewReader(streamed))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := s.client.Do(r); !errors.Is(err, context.DeadlineExceeded) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("error %v, want no answer at all", err)
	}
	s.stream("/v1/completions", streamed)
}

// TestLogFlood: the log fills while the server serves.
func TestLogFlood(t *testing.T) {
	s := serve(t, "--sim-fault", "log-flood=5000")
	deadline := time.Now().Add(20 * time.Second)
	for strings.Count(s.out.String(), "of a flood") < 500 {
		if s.stream("/v1/completions", streamed); time.Now().After(deadline) {
			t.Fatal("no flood")
		}
	}
}
