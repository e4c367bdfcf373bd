package loadgen

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
)

const (
	mockEnv  = "LOADGEN_TEST_MOCK" // set: this process is the mock server of a benchmark
	mockTTFT = 100 * time.Millisecond
	mockITL  = 50 * time.Millisecond
)

// serveMock is the other process of BenchmarkClient: it prints its URL and
// serves until its standard input ends.
func serveMock() {
	s, err := mock.Start(mock.Options{TTFT: mockTTFT, ITL: mockITL})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.URL)
	io.Copy(io.Discard, os.Stdin)
	s.Close()
}

// mockProcess starts the mock in a process of its own, so that the CPU time of
// this one is the client's alone.
func mockProcess(b *testing.B) (url string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), mockEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// BenchmarkClient measures the client over loopback against a mock in another
// process: its CPU time per token event, and how far the reported times are
// from those the mock keeps. The excess is the mock's own lateness and the
// client's together.
func BenchmarkClient(b *testing.B) {
	for _, streams := range []int{50, 200, 1000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			url := mockProcess(b)
			for b.Loop() {
				c := config(&mock.Server{URL: url}, Arrivals{Kind: Concurrency, Concurrency: streams})
				c.Output.Mean, c.Warmup, c.Duration = 40, 3*time.Second, 4*time.Second
				c.Drain = time.Millisecond
				r, err := Run(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				sum := Summarize(r, SummaryOptions{})
				window := sum.Window.Seconds()
				cpu := sum.Client.CPUShare * float64(runtime.GOMAXPROCS(0)) * window
				b.ReportMetric(cpu/float64(r.WindowTokens)*1e6, "cpu-µs/event")
				b.ReportMetric(float64(r.WindowTokens)/window, "events/s")
				b.ReportMetric((sum.Metrics["itl_p50"]-mockITL.Seconds())*1e6, "itl-excess-p50-µs")
				b.ReportMetric((sum.Metrics["itl_p99"]-mockITL.Seconds())*1e6, "itl-excess-p99-µs")
				if v, ok := sum.Metrics["ttft_p50"]; ok {
					b.ReportMetric((v-mockTTFT.Seconds())*1e6, "ttft-excess-p50-µs")
				}
			}
		})
	}
}
