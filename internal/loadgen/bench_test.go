package loadgen

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/loadgen/affinity"
)

// Truth of the reference server in the benchmarks.
const (
	referenceTTFT = 50 * time.Millisecond
	referenceITL  = 10 * time.Millisecond
)

// referenceProcess starts the reference server in a process of its own on
// processor 0 and binds this one to processor 1, so that the CPU time of this
// one is the client's alone. end stops the server and returns its account of
// itself.
func referenceProcess(b *testing.B, ttft, itl time.Duration) (url string, end func() account) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "sweep")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/sweep").CombinedOutput(); err != nil {
		b.Fatalf("build the reference server: %v\n%s", err, out)
	}
	cmd := exec.Command(path, "reference-server", "--ttft", ttft.String(), "--itl", itl.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	pin(b, 0) // the process inherits it
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if pin(b, 1) {
		procs := runtime.GOMAXPROCS(1)
		b.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), sync.OnceValue(func() (a account) {
		in.Close()
		line, _ := lines.ReadString('\n')
		fmt.Sscan(line, &a.lateP50, &a.lateP99)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			var s served
			fmt.Sscan(line, &s.arrived, &s.first)
			a.served = append(a.served, s)
		}
		cmd.Wait()
		slices.SortFunc(a.served, func(x, y served) int { return cmp.Compare(x.arrived, y.arrived) })
		return a
	})
}

// pin binds this process to a processor until the benchmark ends.
func pin(b *testing.B, cpu int) bool {
	if runtime.NumCPU() == 1 {
		return false
	}
	restore, err := affinity.Pin(cpu)
	if err != nil {
		b.Logf("not bound to a processor: %v", err)
		return false
	}
	b.Cleanup(func() {
		if err := restore(); err != nil {
			b.Error(err)
		}
	})
	return true
}

// account is what the reference server says of itself.
type account struct {
	lateP50, lateP99 float64  // of its chunks, µs
	served           []served // in the order of arrival
}

// served is a request: its arrival in the kernel and the write of its first
// chunk, ns since 1970.
type served struct{ arrived, first int64 }

// against pairs the requests of a run with the reference server's account of them, and
// returns how far each TTFT of the window is from what the reference server really did, in
// seconds. Neither side knows the other's names: the order of the sends is that
// of the arrivals. A request without a kernel time stamp in the reference server is left out.
func (a account) against(b *testing.B, r *Result) []float64 {
	sent := make([]*Request, 0, len(r.Requests))
	for i := range r.Requests {
		if q := &r.Requests[i]; q.Sent >= 0 {
			sent = append(sent, q)
		}
	}
	if len(sent) != len(a.served) {
		b.Errorf("the client sent %d requests, the server got %d", len(sent), len(a.served))
		return nil
	}
	slices.SortFunc(sent, func(x, y *Request) int { return cmp.Compare(x.Sent, y.Sent) })
	var off []float64
	apart := 0
	for i, q := range sent {
		s := a.served[i]
		if way := time.Duration(s.arrived - r.Start.Add(q.Sent).UnixNano()); way < -time.Millisecond || way > 10*time.Millisecond {
			apart++
		} else if q.Phase == PhaseWindow && q.Class == ClassOK {
			off = append(off, (q.First - q.Sent - time.Duration(s.first-s.arrived)).Seconds())
		}
	}
	if apart > len(sent)/100 {
		b.Errorf("%d of %d requests arrived before they were sent, or long after: the pairing is wrong", apart, len(sent))
	}
	return off
}

// BenchmarkClient measures the client over loopback against a reference server of known
// times in another process, each on a processor of its own: CPU time per token
// event, and how far the reported times are from the truth. The excess is over
// the times that the reference server was told: its own lateness (also given) and the
// client's together. The error of the TTFT is against what the reference server really did,
// request by request: the client's alone. Streams are reached by a ramp of two
// seconds, or all at once (burst).
func BenchmarkClient(b *testing.B) {
	for _, streams := range []int{1, 64, 512, 1000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) { benchmarkClient(b, streams, 4*time.Second) })
	}
	b.Run("streams=512/burst", func(b *testing.B) { benchmarkClient(b, 512, 0) })
}

func benchmarkClient(b *testing.B, streams int, warmup time.Duration) {
	url, end := referenceProcess(b, referenceTTFT, referenceITL)
	defer end()
	var r *Result
	for b.Loop() {
		c := Config{
			BaseURL: url, Model: "m", API: Completions,
			Arrivals: Arrivals{Kind: Concurrency, Concurrency: streams},
			Prompt:   Lengths{Kind: Fixed, Mean: 50}, Output: Lengths{Kind: Fixed, Mean: 100},
			Warmup: warmup, Duration: 4 * time.Second, Timeout: 30 * time.Second, IgnoreEOS: true, Seed: 1,
		}
		if warmup == 0 { // the opening wave alone
			c.Requests = streams
		}
		var err error
		if r, err = Run(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		window := (r.WindowEnd - r.WindowStart).Seconds()
		cpu := r.Client.CPUShare * float64(runtime.GOMAXPROCS(0)) * window
		b.ReportMetric(cpu/float64(r.WindowTokens)*1e6, "cpu-µs/event")
		b.ReportMetric(float64(r.WindowTokens)/window, "events/s")
		x := r.latencies()
		report(b, "ttft-excess", x["ttft_sent"], referenceTTFT)
		report(b, "itl-excess", x["itl"], referenceITL)
		b.ReportMetric(stat.StdDev(x["itl"], nil)*1e6, "itl-sd-µs")
		b.ReportMetric(100*r.Client.CPUShare, "cpu-%")
		b.ReportMetric(float64(r.Client.ReadLagP50.Microseconds()), "readlag-p50-µs")
		b.ReportMetric(float64(r.Client.ReadLagP99.Microseconds()), "readlag-p99-µs")
		b.ReportMetric(float64(len(r.Invalid)), "invalid")
		for _, why := range r.Invalid {
			b.Log("invalid: ", why)
		}
	}
	server := end()
	b.ReportMetric(server.lateP50, "server-late-p50-µs")
	b.ReportMetric(server.lateP99, "server-late-p99-µs")
	report(b, "ttft-error", server.against(b, r), 0)
	b.ReportMetric(0, "ns/op")
}

// report gives p50 and p99 of a sample in seconds beyond the truth, in µs.
func report(b *testing.B, name string, x []float64, truth time.Duration) {
	if len(x) == 0 {
		return
	}
	slices.Sort(x)
	for _, p := range []struct {
		name string
		p    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		b.ReportMetric((stats.Quantile(x, p.p)-truth.Seconds())*1e6, name+"-"+p.name+"-µs")
	}
}

// BenchmarkReference is the same load by a plain net/http client that only
// looks for lines of data and takes the time: the limit to compare with.
func BenchmarkReference(b *testing.B) {
	for _, streams := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			url, end := referenceProcess(b, referenceTTFT, referenceITL)
			defer end()
			for b.Loop() {
				reference(b, url, streams)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func reference(b *testing.B, url string, streams int) {
	transport := &http.Transport{MaxIdleConnsPerHost: streams, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var ttft, itl []float64
	stop := time.Now().Add(6 * time.Second)
	before := readUsage()
	for k := range streams {
		wg.Go(func() {
			<-time.After(2 * time.Second * time.Duration(k) / time.Duration(streams))
			for time.Now().Before(stop) {
				first, gaps, err := referenceStream(client, url)
				if err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				ttft, itl = append(ttft, first), append(itl, gaps...)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	spent := readUsage().since(before)
	b.ReportMetric(float64(spent.cpu.Microseconds())/float64(len(ttft)+len(itl)), "cpu-µs/event")
	report(b, "ttft-excess", ttft, referenceTTFT)
	report(b, "itl-excess", itl, referenceITL)
	b.ReportMetric(stat.StdDev(itl, nil)*1e6, "itl-sd-µs")
}

func referenceStream(client *http.Client, url string) (first float64, gaps []float64, err error) {
	sent := time.Now()
	resp, err := client.Post(url+"/v1/completions", "application/json", strings.NewReader(`{"max_tokens":100}`))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	last := time.Time{}
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF {
			return first, gaps, nil
		}
		if err != nil {
			return 0, nil, err
		}
		if len(line) < 100 || string(line[:6]) != "data: " || strings.Contains(string(line), `"usage":{`) {
			continue
		}
		now := time.Now()
		if last.IsZero() {
			first = now.Sub(sent).Seconds()
		} else {
			gaps = append(gaps, now.Sub(last).Seconds())
		}
		last = now
	}
}

// BenchmarkMemory gives the memory of the process for each stream in flight,
// heap and stacks, while nearly nothing happens on any: one chunk a second.
func BenchmarkMemory(b *testing.B) {
	const streams = 5000
	url, end := referenceProcess(b, time.Second, time.Second)
	defer end()
	for b.Loop() {
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ctx, stop := context.WithCancel(b.Context())
		c := Config{
			BaseURL: url, Model: "m", API: Completions,
			Arrivals: Arrivals{Kind: Concurrency, Concurrency: streams},
			Prompt:   Lengths{Kind: Fixed, Mean: 50}, Output: Lengths{Kind: Fixed, Mean: 100},
			Warmup: 8 * time.Second, Duration: time.Minute, Timeout: 2 * time.Minute, Seed: 1,
		}
		c.Progress = func(p Progress) {
			if p.InFlight == streams && p.Elapsed > 7*time.Second && now.Sys == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				stop()
			}
		}
		if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
			b.Fatal(err)
		}
		used := float64(now.HeapInuse+now.StackInuse) - float64(before.HeapInuse+before.StackInuse)
		b.ReportMetric(used/streams/1e3, "KB/stream")
	}
	b.ReportMetric(0, "ns/op")
}
