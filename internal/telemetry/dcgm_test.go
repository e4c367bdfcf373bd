package telemetry

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// The form of dcgm-exporter's metrics, two GPUs.
const dcgmText = `# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).
# TYPE DCGM_FI_DEV_GPU_TEMP gauge
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",pci_bus_id="00000000:18:00.0",device="nvidia0",modelName="NVIDIA H100 80GB HBM3",Hostname="gpuhost",DCGM_FI_DRIVER_VERSION="570.10"} 61
DCGM_FI_DEV_GPU_TEMP{gpu="1",UUID="GPU-b",pci_bus_id="00000000:2A:00.0",device="nvidia1",modelName="NVIDIA H100 80GB HBM3",Hostname="gpuhost",DCGM_FI_DRIVER_VERSION="570.10"} 33
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a"} 1234500
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a"} 2048
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-b"} 4
# TYPE DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-a"} 0.97
`

func TestDCGM(t *testing.T) {
	var text atomic.Value
	text.Store(dcgmText)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text.Load().(string))) }))
	defer srv.Close()
	g, err := OpenDCGM(t.Context(), srv.URL+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if d := g.Devices(); len(d) != 2 || d[0].UUID != "GPU-a" || d[1].Index != 1 || g.Driver() != "570.10" {
		t.Errorf("devices %+v, driver %q", d, g.Driver())
	}
	s, err := g.Sample(t.Context())
	if err != nil || s[0].Values[Temperature] != 61 || s[0].Values[Energy] != 1234.5 || s[1].Values[MemoryUsed] != 4<<20 || len(s[1].Values) != 2 {
		t.Errorf("samples %+v, %v", s, err)
	}
	text.Store(strings.ReplaceAll(dcgmText, `gpu="1"`, `gpu="0"`))
	if _, err := g.Sample(t.Context()); err == nil {
		t.Error("a GPU that is gone was not noticed")
	}
	text.Store("# TYPE go_goroutines gauge\ngo_goroutines 7\n")
	if _, err := OpenDCGM(t.Context(), srv.URL); !errors.Is(err, ErrNoGPU) {
		t.Errorf("another program's metrics: %v", err)
	}
}
