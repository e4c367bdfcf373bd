// Command mockserver runs the mock for measurements of speed in a process of
// its own. It prints its URL and serves until its standard input ends; then it
// prints how late its chunks were: p50 and p99 in microseconds.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/affinity"
	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
)

func main() {
	ttft := flag.Duration("ttft", 50*time.Millisecond, "arrival to first chunk")
	itl := flag.Duration("itl", 10*time.Millisecond, "between chunks")
	cpu := flag.Int("cpu", -1, "processor to run on; -1: any")
	flag.Parse()
	if err := serve(*ttft, *itl, *cpu); err != nil {
		fmt.Fprintln(os.Stderr, "mockserver:", err)
		os.Exit(1)
	}
}

func serve(ttft, itl time.Duration, cpu int) error {
	if cpu >= 0 {
		if _, err := affinity.Pin(cpu); err != nil {
			return err
		}
	}
	// One thread writes, another reads requests, even on a single processor: the
	// kernel is quicker to switch between them than the Go scheduler.
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(1000) // it has little garbage, and every collection makes chunks late
	s, err := mock.StartPacer(ttft, itl)
	if err != nil {
		return err
	}
	fmt.Println(s.URL)
	io.Copy(io.Discard, os.Stdin)
	s.Close()
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, s.Late(0.5).Microseconds(), s.Late(0.99).Microseconds())
	for _, r := range s.Served() {
		first := int64(-1)
		if !r.First.IsZero() {
			first = r.First.UnixNano()
		}
		fmt.Fprintln(out, r.Arrived.UnixNano(), first)
	}
	return out.Flush()
}
