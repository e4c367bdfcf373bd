package vllmsim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clockArgs configure both servers of TestClocksAgree: no noise, no cache
// hits.
func clockArgs() []string {
	return quiet("meta-llama/Llama-3.1-8B-Instruct", "--max-model-len", "8192", "--max-num-batched-tokens", "2048", "--no-enable-prefix-caching", "--sim-seed", "1")
}

// TestClocksAgree sends the same load to the server in real time and to the
// virtual clock: throughput within 2%, p95 TTFT within 5%. The client shares
// the machine with the server and whatever else runs there; a real-time run
// that misses is therefore repeated, at most three times in all.
func TestClocksAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("takes six seconds of real time")
	}
	load := poisson(5, 8, 5, 2500, 60)
	virtual, err := Simulate(clockArgs(), load, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ttft []float64
	for _, x := range virtual.Timings {
		ttft = append(ttft, x.TTFT())
	}
	tokens := 0
	for _, a := range load {
		tokens += a.Output
	}
	wantRate, wantTTFT := float64(tokens)/virtual.Duration, p95(ttft)
	s := serve(t, append(clockArgs()[1:], "--model", clockArgs()[0], "--sim-speedup", "1", "--disable-uvicorn-access-log")...)
	for attempt := 1; ; attempt++ {
		took, got := s.replay(load)
		rate := float64(tokens) / took
		text := fmt.Sprintf("throughput %.1f tok/s in real time, %.1f virtual (%+.1f %%); p95 TTFT %.1f ms, %.1f ms (%+.1f %%)",
			rate, wantRate, 100*(rate/wantRate-1), p95(got)*1e3, wantTTFT*1e3, 100*(p95(got)/wantTTFT-1))
		if math.Abs(rate/wantRate-1) <= 0.02 && math.Abs(p95(got)/wantTTFT-1) <= 0.05 {
			t.Log(text)
			return
		}
		if attempt == 3 {
			t.Fatal(text)
		}
		t.Log("repeated: " + text)
	}
}

func p95(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Ceil(0.95*float64(len(sorted))))-1]
}

// replay sends a load at its times and returns the seconds until the last
// answer and the TTFT of each request.
func (s *instance) replay(load []Arrival) (took float64, ttft []float64) {
	var bodies [][]byte
	for i, a := range load {
		prompt := make([]int, a.Prompt)
		for k := range prompt {
			prompt[k] = (i*7919 + k) % 100000
		}
		body, err := json.Marshal(map[string]any{"prompt": prompt, "max_tokens": a.Output, "ignore_eos": true, "stream": true})
		if err != nil {
			s.t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	ttft = make([]float64, len(load))
	ends := make([]float64, len(load))
	began := time.Now()
	var wg sync.WaitGroup
	for i, a := range load {
		timer := time.NewTimer(time.Duration(a.At*float64(time.Second)) - time.Since(began))
		<-timer.C
		wg.Go(func() {
			sent := time.Now()
			r, err := http.NewRequestWithContext(s.t.Context(), "POST", s.url+"/v1/completions", bytes.NewReader(bodies[i]))
			if err != nil {
				s.t.Error(err)
				return
			}
			resp, err := s.client.Do(r)
			if err != nil {
				s.t.Error(err)
				return
			}
			defer resp.Body.Close()
			body := bufio.NewReader(resp.Body)
			if line, err := body.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
				s.t.Errorf("first line %q: %v", line, err)
			}
			ttft[i] = time.Since(sent).Seconds()
			if _, err := io.Copy(io.Discard, body); err != nil {
				s.t.Error(err)
			}
			ends[i] = time.Since(began).Seconds()
		})
	}
	wg.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
	return slices.Max(ends), ttft
}
