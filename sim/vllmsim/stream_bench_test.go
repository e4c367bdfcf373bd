//go:build unix

package vllmsim

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// BenchmarkSimulateProcessor reports simulated seconds of a busy H100 per
// second of processor time, which a machine shared with others does not
// change much.
func BenchmarkSimulateProcessor(b *testing.B) {
	load := poisson(1, 20, 200, 1000, 300)
	before, seconds := processorTime(b), 0.0
	for b.Loop() {
		r, err := Simulate([]string{"meta-llama/Llama-3.1-8B-Instruct", "--max-model-len", "8192", "--sim-temp-slope", "0.005", "--sim-run-noise", "0.01"}, load, 0)
		if err != nil {
			b.Fatal(err)
		}
		seconds += r.Duration
	}
	b.ReportMetric(seconds/(processorTime(b)-before), "sim-s/cpu-s")
}

// BenchmarkStreams decodes in real time with more and more streams of a small
// model, clients in the same process. It reports the SSE events per second,
// how many tokens got an event of their own (those that wait for a slow stream
// share one), and the processor time of server and clients together. Run it
// with -cpu 1 to see when one core is full.
func BenchmarkStreams(b *testing.B) {
	for _, n := range []int{16, 32, 64, 128, 256} {
		b.Run(strconv.Itoa(n), func(b *testing.B) { benchmarkStreams(b, n) })
	}
}

func benchmarkStreams(b *testing.B, streams int) {
	ready := make(chan string, 1)
	out := &console{ready: ready}
	ctx, cancel := context.WithCancel(b.Context())
	exited := make(chan int, 1)
	go func() {
		exited <- Main(ctx, []string{"Qwen/Qwen3-0.6B", "--host", "127.0.0.1", "--port", "0", "--sim-startup", "0", "--disable-uvicorn-access-log"}, out, out)
	}()
	url := "http://" + <-ready + "/v1/completions"
	client := &http.Client{Transport: &http.Transport{}}
	defer func() { client.CloseIdleConnections(); cancel(); <-exited }()
	var events atomic.Int64
	before := processorTime(b)
	for b.Loop() {
		var wg sync.WaitGroup
		for range streams {
			wg.Go(func() {
				r, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(`{"prompt":"a","max_tokens":500,"ignore_eos":true,"stream":true}`))
				if err != nil {
					b.Error(err)
					return
				}
				resp, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				defer resp.Body.Close()
				if _, err := io.Copy(counter{&events}, resp.Body); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(events.Load())/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((processorTime(b)-before)*1e6/float64(events.Load()), "cpu-µs/event")
	b.ReportMetric(float64(events.Load())/float64(b.N*streams*501), "events/token")
}

// counter counts events; one that is cut across two reads may be missed.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(bytes.Count(p, []byte("data: "))))
	return len(p), nil
}

// processorTime is what this process has used so far, in seconds.
func processorTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
