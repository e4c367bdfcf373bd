package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
)

// withGPU lets the bench's servers keep a GPU state file and the run read it.
func (b *bench) withGPU(simArgs ...string) {
	b.t.Helper()
	state := filepath.Join(b.t.TempDir(), "gpus")
	b.command = append(append(b.command, "--sim-gpu-state", state, "--sim-speedup", "1"), simArgs...) // telemetry knows real seconds alone
	b.gpus = nvmlsim.Open(state, []telemetry.Device{{Name: "simulated H100"}})
}

func readTelemetry(t *testing.T, path string) []telemetry.Reading {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	_, readings, err := telemetry.ReadParquet(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return readings
}

func TestTelemetryOfTrialsAndStarts(t *testing.T) {
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "max-num-seqs: [64]", 1)
	yaml = strings.Replace(strings.Replace(yaml, "repeat: 2", "repeat: 1", 1), "[2, 4]}, requests: 30", "12}, duration: 2500ms", 1)
	// Answers of one length end all at once, and the server is idle until the
	// client has asked again: a reading might see nothing but that.
	yaml = strings.Replace(yaml, "output_tokens: 16", "output_tokens: {uniform: {min: 8, max: 32}}", 1)
	b := newBench(t, yaml)
	b.withGPU()
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err, b.watch.messages)
	}
	run := b.read()
	tr := run.Trials[0]
	tel := tr.Telemetry
	if tel == nil || tel.GPU == nil || tel.Server == nil {
		t.Fatalf("telemetry %+v", tel)
	}
	if g := tel.GPU; g.DevicesBy != "processes" || len(g.Foreign) != 0 || g.Energy == nil || *g.Energy <= 0 || g.EnergyBy != "counter" || g.TokensPerJoule == nil {
		t.Errorf("GPU: %+v", g)
	}
	// The server's clock of TTFT begins when a request has come in, the
	// client's when it was sent, and a trial of a second has few requests.
	s := tel.Server
	if l, client := s.Latency["ttft"], tr.Metrics["ttft_mean"]; l.Count < 5 || l.Mean <= 0 || l.Mean > 2*client {
		t.Errorf("server's TTFT %+v, the client's mean %.4f s", l, client)
	}
	if s.KVCacheUsagePeak == nil || *s.KVCacheUsagePeak <= 0 || s.RunningPeak == nil || *s.RunningPeak < 1 || s.RestartedInWindow {
		t.Errorf("server: %+v", s)
	}
	if e := tr.Engine; e == nil || e.KVCacheUsage == nil || *e.GenerationTokens < float64(tr.OutputTokens) {
		t.Errorf("engine: %+v for %d tokens", e, tr.OutputTokens)
	}
	if tel.Host == nil || tel.Host.ClientCPU == nil {
		t.Errorf("host: %+v", tel.Host)
	}
	bySource := map[string]int{}
	for _, r := range readTelemetry(t, run.TrialFile(tr.ID, rundir.TelemetryFile)) {
		bySource[r.Source]++
	}
	for _, source := range []string{telemetry.SourceGPU, telemetry.SourceEngine, telemetry.SourceHost, telemetry.SourceClient} {
		if bySource[source] == 0 {
			t.Errorf("no reading of %s in %v", source, bySource)
		}
	}
	if n := len(readTelemetry(t, run.StartFile(run.Starts[0].ID, rundir.TelemetryFile))); n == 0 {
		t.Error("the start has no telemetry")
	}
}
