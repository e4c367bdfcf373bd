//go:build cgo

package library

import (
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
)

// TestXids: events that the file gains come once each, with their device, and
// not those from before; telemetry sees them.
func TestXids(t *testing.T) {
	s := script()
	s.GPUs[1].Xids = []uint64{13}
	lib, path := open(t, s)
	set, ret := lib.EventSetCreate()
	if ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
	for i := range 2 {
		d, _ := lib.DeviceGetHandleByIndex(i)
		if ret := d.RegisterEvents(nvml.EventTypeXidCriticalError, set); ret != nvml.SUCCESS {
			t.Fatal(ret)
		}
	}
	if _, ret := set.Wait(0); ret != nvml.ERROR_TIMEOUT {
		t.Errorf("an event from before: %v", ret)
	}
	s.GPUs[1].Xids = []uint64{13, 79}
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	e, ret := set.Wait(0)
	if ret != nvml.SUCCESS || e.EventData != 79 {
		t.Fatalf("event %+v, %v", e, ret)
	}
	want(t, "device of the event", 1)(e.Device.GetIndex())
	if _, ret := set.Wait(0); ret != nvml.ERROR_TIMEOUT {
		t.Errorf("the event came twice: %v", ret)
	}
}

// TestTelemetrySeesEventsAndErrors drives sweep's own reader through a library
// at a path.
func TestTelemetrySeesEventsAndErrors(t *testing.T) {
	s := script()
	so, path := build(t, s)
	gpus, err := telemetry.OpenLibrary(so)
	if err != nil {
		t.Fatal(err)
	}
	defer gpus.Close()
	s.GPUs[0].Xids = []uint64{48}
	s.GPUs[0].Processes = append(s.GPUs[0].Processes, nvmlsim.Process{PID: 99, Memory: 1 << 20})
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := gpus.Sample(t.Context())
	if err != nil || len(got) != 2 || len(got[0].Xids) != 1 || got[0].Xids[0] != 48 || len(got[1].Xids) != 0 || len(got[0].Processes) != 3 {
		t.Errorf("samples %+v, %v", got, err)
	}
	s.GPUs[0].Lost = true
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := gpus.Sample(t.Context()); err == nil {
		t.Error("a lost GPU was read")
	}
}
