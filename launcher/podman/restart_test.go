package podman

import (
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/sim/podmantest"
)

// BenchmarkRestart is one start, proved ready and identified, with its stop,
// proved gone. BenchmarkBareRestart is the same container by podman's own
// commands: run, wait for /health, stop, rm. Compare them with
//
//	go test ./launcher/podman -run '^$' -bench Restart -benchtime 10x
func BenchmarkRestart(b *testing.B) {
	backend := New(Options{Socket: podmantest.Service(b), Image: podmantest.Image(b, server.Path(b)), Pull: PullNever})
	defer backend.Close()
	for i := 0; b.Loop(); i++ {
		s := launchertest.Spec(b, "serve")
		s.StartID = "bench-" + strconv.Itoa(i)
		srv, err := launchertest.Start(b, backend, s)
		if err != nil {
			b.Fatal(err)
		}
		if r, err := srv.Stop(b.Context()); err != nil || !r.Gone || !r.PortFree {
			b.Fatal(r, err)
		}
	}
}

func BenchmarkBareRestart(b *testing.B) {
	image := podmantest.Image(b, server.Path(b))
	podman := func(args ...string) string {
		b.Helper()
		cmd := exec.Command("podman", args...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+podmantest.Configuration(b))
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("podman %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for b.Loop() {
		id := podman("run", "-d", "--publish", "127.0.0.1::8000", image, "--mode", "serve", "--model", launchertest.Model, "--host", "0.0.0.0")
		port := podman("port", id, "8000/tcp")
		for {
			resp, err := client.Get("http://" + port + "/health")
			if err == nil {
				resp.Body.Close()
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		podman("stop", id)
		podman("rm", id)
	}
}
