package vllmsim

import (
	"bufio"
	"bytes"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/sim/nvmlsim"
	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// gpuWhen reads the file until the first GPU is as wanted.
func gpuWhen(t *testing.T, path, what string, ok func(nvmlsim.GPU) bool) nvmlsim.GPU {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		s, err := nvmlsim.Read(path)
		if err == nil && len(s.GPUs) > 0 && ok(s.GPUs[0]) {
			return s.GPUs[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %+v, error %v", what, s, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// refusal tries a start on the GPUs of a file and returns the log of a refusal.
func refusal(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	all := append([]string{"Qwen/Qwen3-0.6B", "--port", "0", "--sim-startup", "0"}, args...)
	if code := Main(t.Context(), all, &out, &out); code != 1 {
		t.Errorf("exit code %d, want 1\n%s", code, &out)
	}
	return out.String()
}

// TestGPUState follows a server through load, heat and end; what it leaves
// meets the next one.
func TestGPUState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpus")
	s := serve(t, "--sim-gpu-state", path, "--sim-temp-tau", "30", "--sim-fault", "late-memory=1h")
	idle := gpuWhen(t, path, "ready", func(g nvmlsim.GPU) bool { return g.MemoryUsed > 60*catalog.GiB })
	if len(idle.Processes) != 1 || idle.Processes[0].Memory != idle.MemoryUsed || idle.Used(time.Now()) != idle.MemoryUsed {
		t.Errorf("idle: %+v", idle)
	}
	if want := 0.92 * 79.18 * catalog.GiB; math.Abs(float64(idle.MemoryUsed)/want-1) > 0.02 {
		t.Errorf("%.2f GiB in use, want about 92 %%", float64(idle.MemoryUsed)/catalog.GiB)
	}
	resp := s.open(t.Context(), "POST", "/v1/completions", `{"prompt":"a","max_tokens":30000,"ignore_eos":true,"stream":true}`)
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	busy := gpuWhen(t, path, "busy and warm", func(g nvmlsim.GPU) bool { return g.Utilisation > 0.5 && g.Temperature > 40 })
	if busy.Power < 300 || busy.SMClock != 1980 || busy.EventReasons != 0 || busy.Tau != 0 || busy.Energy <= idle.Energy {
		t.Errorf("busy: %+v", busy)
	}
	s.stop()
	after := gpuWhen(t, path, "released", func(g nvmlsim.GPU) bool { return g.MemoryUsed == 0 })
	if len(after.Processes) != 0 || after.Used(time.Now()) != busy.MemoryUsed || after.Temperature < 36 || after.Tau == 0 {
		t.Errorf("after the end: %+v", after)
	}
	if text := refusal(t, "--sim-gpu-state", path); !strings.Contains(text, "on startup is less than desired GPU memory utilization") {
		t.Errorf("the next server started on a GPU whose memory is held\n%s", text)
	}
}

// TestStaleProcess: memory of a process that is gone is free again; that of
// a living one is not.
func TestStaleProcess(t *testing.T) {
	dead := exec.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Skip("NOT TESTED: no command that ends: ", err)
	}
	path := filepath.Join(t.TempDir(), "gpus")
	leave := func(pid int) {
		t.Helper()
		left := nvmlsim.State{GPUs: []nvmlsim.GPU{{MemoryTotal: 80 << 30, MemoryUsed: 50 << 30, Processes: []nvmlsim.Process{{PID: pid, Memory: 50 << 30}}}}}
		if err := left.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	leave(dead.Process.Pid)
	s := serve(t, "--sim-gpu-state", path)
	if g := gpuWhen(t, path, "ready", func(g nvmlsim.GPU) bool { return g.MemoryUsed > 60*catalog.GiB }); len(g.Processes) != 1 {
		t.Errorf("processes %+v", g.Processes)
	}
	s.stop()
	leave(1) // init lives
	if text := refusal(t, "--sim-gpu-state", path); !strings.Contains(text, "Free memory on device cuda:0 (28.69/79.18 GiB)") {
		t.Errorf("log of the refused start\n%s", text)
	}
}

// TestLateMemoryNeedsGPUs: the fault has no meaning without the file.
func TestLateMemoryNeedsGPUs(t *testing.T) {
	if _, err := Simulate([]string{"Qwen/Qwen3-0.6B", "--sim-fault", "late-memory=1s"}, nil, 0); err == nil || !strings.Contains(err.Error(), "--sim-gpu-state") {
		t.Errorf("error %v", err)
	}
}
