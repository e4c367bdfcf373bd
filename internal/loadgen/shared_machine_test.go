package loadgen

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// A client beside a server that computes on its processors is told from one
// beside a GPU's, from one behind a tunnel, and from one on another machine.
func TestLimitsByNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    Config
		others float64
		shared bool
	}{
		"busy, beside the server":   {Config{Beside: true}, 0.6, true},
		"a tunnel":                  {Config{Beside: true}, 0.01, false},
		"busy, the server far away": {Config{}, 0.6, false},
		"declared strict":           {Config{Beside: true, Limits: Strict()}, 0.6, false},
		"declared shared":           {Config{Limits: Shared()}, 0, true},
	} {
		l := c.cfg.limits(c.others)
		if l.Shared != c.shared || (l.Why != nil) != (c.shared && c.cfg.Limits == (Limits{})) {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l := (&Config{Beside: true}).limits(0.62); !strings.Contains(l.Why.Text(), "62%") {
		t.Errorf("%q", l.Why.Text())
	}
	late := []notice.Notice{notice.New("client-behind", notice.Args{"due": notice.Count(9), "sent": notice.Count(1)})}
	a, b := notice.Join(Strict().Advise(late, "X")), notice.Join(Shared().Advise(late, "X"))
	if !strings.Contains(a, "allow for that with X.") || strings.Contains(b, "X") || !strings.Contains(b, "lower the load") {
		t.Errorf("%q, %q", a, b)
	}
}

func TestHere(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1:8000": true, "http://[::1]:8000/root": true, "http://localhost": true, "http://0.0.0.0:1": true,
		"http://192.0.2.7:8000": false, "http://gpuhost:8000": false, "https://example.org": false, "%": false,
	} {
		if got := Here(url); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !Here("http://"+n.IP.String()+":8000") {
			t.Errorf("%s is this machine's", n.IP)
		}
	}
}

func TestAccelerated(t *testing.T) {
	for name, want := range map[string]bool{
		"nvidia0": true, "dxg": true, "kfd": true, "dri/renderD128": true, "accel/accel0": true, "neuron0": true, "davinci0": true,
		"nvidiactl": false, "nvram": false, "null": false, "vfio/vfio": false, "dri/card0": false,
	} {
		root := t.TempDir()
		path := filepath.Join(root, "dev", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := accelerated(root); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
