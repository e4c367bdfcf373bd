package realtest

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// othersLimit is the share of this machine's processors above which other
// programs and the host (steal) spoil a comparison of means to a tenth of a
// percent. vLLM stamps a token before its front end hands it over: where others
// take the front end's turns, it hands over several tokens at once, and one late
// first token of thirty moves the mean by a millisecond. On two quiet processors
// the share is 0.2 to 0.6%; with 2.9% a row's TTFT was 1.6 ms later than its
// E2E, instead of 0.1 to 0.6 ms.
const othersLimit = 0.015

// processorTime is what the processors of this machine did so far, in ticks:
// in all, idle, and for the processes of this test (its servers with it).
type processorTime struct{ all, idle, ours float64 }

func readProcessorTime(t testing.TB) (out processorTime) {
	t.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bufio.NewReader(bytes.NewReader(stat)).ReadLine()
	for i, field := range strings.Fields(string(line))[1:] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case i == 3 || i == 4: // idle, waiting for a disk
			out.idle += n
			out.all += n
		case i < 3 || i == 7: // user, nice, system, steal; interrupts serve everybody, guests are in user
			out.all += n
		}
	}
	parents, ticks := map[int]int{}, map[int]float64{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third field on
		parents[pid], _ = strconv.Atoi(fields[1])
		for _, field := range fields[11:15] { // utime, stime, and those of children that ended
			n, _ := strconv.ParseFloat(field, 64)
			ticks[pid] += n
		}
	}
	for pid := range ticks {
		for p := pid; p > 1; p = parents[p] {
			if p == os.Getpid() {
				out.ours += ticks[pid]
				break
			}
		}
	}
	return out
}

// others is the share of the processors, 0 to 1, that neither this test nor its
// servers used since a.
func (b processorTime) others(a processorTime) float64 {
	all := b.all - a.all
	if all == 0 {
		return 0
	}
	return max(0, all-(b.idle-a.idle)-(b.ours-a.ours)) / all
}

// quiet waits, 20 s at most, for a second in which other programs leave the
// processors alone.
func quiet(t testing.TB) {
	t.Helper()
	for range 20 {
		a := readProcessorTime(t)
		time.Sleep(time.Second)
		if readProcessorTime(t).others(a) <= othersLimit {
			return
		}
	}
}
