package telemetry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Lines of nvidia-smi --query-gpu=... --format=csv,noheader,nounits on a
// driver of 2025: one GPU of the data centre, one of a desk.
const (
	smiH100 = "0, NVIDIA H100 80GB HBM3, GPU-1, 570.10, 81559, 1024, 41, 97, 312.50, 1980, 55, 47, 2619, 0x0000000000000004, 0, 0"
	smiDesk = "1, NVIDIA GeForce RTX 4090, GPU-2, 570.10, 24564, 4, 35, 0, [N/A], [N/A], 0, [N/A], 405, 0x0000000000000001, [N/A], [N/A]"
)

func TestParseSMI(t *testing.T) {
	rows, err := parseSMI(smiH100 + "\n" + smiDesk + "\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]float64{
		{
			MemoryUsed: 1 << 30, Temperature: 41, SMUtilisation: 0.97, Power: 312.5, SMClock: 1980, MemoryUtilisation: 0.55,
			MemoryTemperature: 47, MemoryClock: 2619, ThrottleReasons: 4, ECCCorrected: 0, ECCUncorrected: 0,
		},
		{MemoryUsed: 4 << 20, Temperature: 35, SMUtilisation: 0, MemoryUtilisation: 0, MemoryClock: 405, ThrottleReasons: 1},
	}
	for i, w := range want {
		if diff := cmp.Diff(w, rows[i].sample.Values); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
	if rows[1].device.MemoryBytes != 24564<<20 || rows[1].driver != "570.10" {
		t.Errorf("second row: %+v", rows[1])
	}
	if _, err := parseSMI("No devices were found\n"); err == nil {
		t.Error("a message was accepted as a table")
	}
	if _, err := parseSMI(""); !errors.Is(err, ErrNoGPU) {
		t.Errorf("empty: %v", err)
	}
}

func TestMissingSMIIsNoGPU(t *testing.T) {
	if _, err := openSMI(t.Context(), "nvidia-smi-that-does-not-exist"); !errors.Is(err, ErrNoGPU) {
		t.Errorf("err = %v", err)
	}
}

// fakeSMI stands in for nvidia-smi: one table, or with --loop-ms a table, then
// silence or the end.
func fakeSMI(t *testing.T, loop string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nvidia-smi")
	script := "#!/bin/sh\ncase \"$*\" in *--loop-ms=*) " + loop + ";; esac\necho '" + smiH100 + "'\necho '" + smiDesk + "'\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSMIThatLoops(t *testing.T) {
	hotter := strings.Replace(smiH100, ", 41,", ", 83,", 1)
	g, err := OpenCommand(t.Context(), []string{"sh", fakeSMI(t, "echo '"+hotter+"'; exec sleep 60")})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.Source() != "command sh" || len(g.Devices()) != 2 || g.Driver() != "570.10" {
		t.Errorf("%s, driver %s: %+v", g.Source(), g.Driver(), g.Devices())
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		s, err := g.Sample(t.Context())
		if err != nil || len(s) != 2 || time.Now().After(deadline) {
			t.Fatalf("samples %+v, %v", s, err)
		}
		if s[0].Values[Temperature] == 83 {
			return // the loop's table came
		}
	}
}

func TestSMIThatEndsIsBegunAgain(t *testing.T) {
	g, err := OpenCommand(t.Context(), []string{fakeSMI(t, "exit 9")})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := g.Sample(t.Context()); err != nil {
			if !strings.Contains(err.Error(), "exit status 9; begun again") {
				t.Errorf("err = %v", err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody noticed that the loop ended")
		}
	}
}
