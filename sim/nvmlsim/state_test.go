package nvmlsim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func example() State {
	return State{Driver: "580.12", GPUs: []GPU{
		{
			Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-0", MemoryTotal: 80 << 30, MemoryUsed: 3 << 30,
			Temperature: 70, Idle: 30, Tau: 50, Since: time.UnixMicro(1700000000_250000), SMClock: 1755, MaxClock: 1980, MemoryClock: 2619,
			Power: 612.5, PowerLimit: 700, Utilisation: 0.97, MemoryBusy: 0.5, EventReasons: ReasonThermal | ReasonPowerCap, Energy: 1234.5,
			Corrected: 7, Uncorrected: 1, Processes: []Process{{4711, 2 << 30}, {4712, 1 << 30}},
			Held: []Held{{5 << 30, time.UnixMicro(1700000010_000000)}},
		},
		{Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-1", MemoryTotal: 80 << 30, Lost: true},
	}}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpus")
	if err := example().Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s", diff)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%d files, error %v: want the state alone", len(files), err)
	}
}

func TestReadFaults(t *testing.T) {
	for text, want := range map[string]string{
		"name x\n": "before the first gpu", "gpu 0\nmelt 3\n": ":2: unknown key melt", "gpu 0\nmemory many\n": ":2: memory:",
	} {
		path := filepath.Join(t.TempDir(), "gpus")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

func TestLaws(t *testing.T) {
	g := example().GPUs[0]
	before, after := g.Since, g.Held[0].Until
	if u := g.Used(before); u != 8<<30 {
		t.Errorf("%d bytes in use while memory is held, want 8 GiB", u)
	}
	if u := g.Used(after); u != 3<<30 {
		t.Errorf("%d bytes in use afterwards, want 3 GiB", u)
	}
	if c := g.TemperatureAt(before.Add(50 * time.Second)); c < 44.71 || c > 44.72 { // 30 + 40/e
		t.Errorf("%.3f °C after one time constant", c)
	}
}
