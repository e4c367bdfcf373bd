package reference

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"
)

// Serve is the server in a process of its own, so that its work is not taken
// for the client's. It prints its URL and serves until in ends. Then it prints
// how late its chunks were (p50 and p99, µs), and a line for each request: its
// arrival and the write of its first chunk (ns since 1970; -1: none was written).
func Serve(ttft, itl time.Duration, in io.Reader, out io.Writer) error {
	// One thread writes, another reads requests, even on a single processor: the
	// kernel is quicker to switch between them than the Go scheduler.
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(1000) // it has little garbage, and every collection makes chunks late
	s, err := Start(ttft, itl)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, s.URL)
	_, err = io.Copy(io.Discard, in)
	s.Close()
	if err != nil {
		return fmt.Errorf("wait for the end of the measurement: %w", err)
	}
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, s.Late(0.5).Microseconds(), s.Late(0.99).Microseconds())
	for _, r := range s.Served() {
		first := int64(-1)
		if !r.First.IsZero() {
			first = r.First.UnixNano()
		}
		fmt.Fprintln(w, r.Arrived.UnixNano(), first)
	}
	return w.Flush()
}
