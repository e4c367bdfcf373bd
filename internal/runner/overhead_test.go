package runner

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
)

// BenchmarkTTFTBesideTelemetry measures the TTFT p99 of the same load with and
// without a monitor, turn by turn: 200 req/s for 5 s on a simulated server.
func BenchmarkTTFTBesideTelemetry(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	state := filepath.Join(b.TempDir(), "gpus")
	server := exec.CommandContext(b.Context(), sim.Path(b), "serve", "Qwen/Qwen2.5-0.5B-Instruct", "--port", fmt.Sprint(port), "--sim-seed", "1", "--sim-gpu-state", state)
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if _, err := telemetry.ScrapeEngine(b.Context(), base); err == nil {
			break
		}
		if time.Since(began) > 30*time.Second {
			b.Fatal("the server did not start")
		}
	}
	run := func(seed uint64) float64 {
		res, err := loadgen.Run(b.Context(), loadgen.Config{
			BaseURL: base, Model: "Qwen/Qwen2.5-0.5B-Instruct", API: loadgen.Completions, Seed: seed, IgnoreEOS: true, Salt: fmt.Sprint(seed),
			Arrivals: loadgen.Arrivals{Kind: loadgen.Constant, Rate: 200},
			Prompt:   loadgen.Lengths{Kind: loadgen.Fixed, Mean: 64}, Output: loadgen.Lengths{Kind: loadgen.Fixed, Mean: 16},
			Warmup: time.Second, Duration: 5 * time.Second, Timeout: 20 * time.Second,
		})
		if err != nil {
			b.Fatal(err)
		}
		return loadgen.Summarize(res, loadgen.SummaryOptions{}).Metrics["ttft_p99"]
	}
	var with, without []float64
	var seed uint64
	for b.Loop() {
		seed++
		without = append(without, 1e3*run(seed))
		m := telemetry.NewMonitor(nvmlsim.Open(state, nil), telemetry.Intervals{})
		m.Watch(base)
		rec := m.Record(0)
		with = append(with, 1e3*run(seed))
		if rec.Stop(); !m.Close() {
			b.Fatal("the monitor did not end")
		}
	}
	b.Logf("TTFT p99, ms: without %.2f, with %.2f", without, with)
	b.ReportMetric(stats.Median(with)-stats.Median(without), "ms-more")
}
