package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/containers"
	"github.com/vllm-sweep/sweep/launcher/internal/containers/contract"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/sim/dockertest"
	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

var (
	server = testprogram.Program{Package: "sim/testserver"}
	daemon dockertest.Daemon
)

func TestMain(m *testing.M) {
	code := podmantest.Main(m)
	daemon.Stop()
	server.Remove()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func backend(t *testing.T, o Options, change func(*Options)) *Backend {
	t.Helper()
	o.Pull = containers.PullNever
	if change != nil {
		change(&o)
	}
	b := New(o)
	t.Cleanup(b.Close)
	return b
}

// Podman offers docker's interface on its socket.
func TestContractWithPodman(t *testing.T) {
	contract.Suite{New: func(t *testing.T, change func(*Options)) *Backend {
		return backend(t, Options{Socket: podmantest.Service(t), Image: podmantest.Image(t, server.Path(t))}, change)
	}}.Run(t)
}

// A real dockerd, where one is installed. It publishes no ports here, because
// that would change the machine's firewall.
func TestContractWithDockerd(t *testing.T) {
	daemon.Address(t)
	contract.Suite{HostNetworkOnly: true, New: func(t *testing.T, change func(*Options)) *Backend {
		return backend(t, Options{Socket: daemon.Address(t), Image: daemon.Image(t, server.Path(t)), Network: "host"}, change)
	}}.Run(t)
}

// Without NVIDIA's toolkit dockerd refuses to start the container.
func TestGPUsWithoutToolkit(t *testing.T) {
	b := backend(t, Options{Socket: daemon.Address(t), Image: daemon.Image(t, server.Path(t)), Network: "host", GPUs: "all"}, nil)
	s := launchertest.Spec(t, "serve")
	_, err := launchertest.Start(t, b, s)
	f := launchertest.Failure(t, err, launcher.ClassGPUs)
	if !strings.Contains(f.Diagnosis.Remedy.Text(), "nvidia-ctk") {
		t.Errorf("remedy %q", f.Diagnosis.Remedy.Text())
	}
	contract.Gone(t, b, s.RunID)
}

func TestServiceDown(t *testing.T) {
	err := New(Options{Socket: "unix:///nonexistent/docker.sock", Image: "x"}).Check(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "start it: systemctl start docker") || !errors.Is(err, launcher.ErrServiceAway) {
		t.Errorf("got %v", err)
	}
}

// A service of docker 18 is a fake here: it answers the one question that is
// asked of it.
func TestServiceTooOld(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	old := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("API-Version", "1.38") })}
	go old.Serve(l)
	defer old.Close()
	err = New(Options{Socket: "unix://" + socket, Image: "x"}).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "needs docker 19.03 or later") || errors.Is(err, launcher.ErrServiceAway) {
		t.Errorf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	home := t.TempDir()
	meta := filepath.Join(home, "contexts", "meta", "a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7") // SHA-256 of "lab"
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(meta, "meta.json"), `{"Name":"lab","Endpoints":{"docker":{"Host":"tcp://lab:2375"}}}`)
	write(filepath.Join(home, "config.json"), `{"currentContext":"lab"}`)
	for name, c := range map[string]struct {
		given, named string
		env          map[string]string
		want         string
		fails        bool
	}{
		"given":       {given: "tcp://a:1", want: "tcp://a:1"},
		"environment": {env: map[string]string{"DOCKER_HOST": "tcp://b:2"}, want: "tcp://b:2"},
		"current":     {want: "tcp://lab:2375"},
		"named":       {named: "lab", env: map[string]string{"DOCKER_HOST": "tcp://b:2"}, want: "tcp://lab:2375"},
		"default":     {named: "default", want: "unix:///var/run/docker.sock"},
		"unknown":     {named: "laboratory", fails: true},
		"nothing":     {env: map[string]string{"DOCKER_CONFIG": filepath.Join(home, "none")}, want: "unix:///var/run/docker.sock"},
	} {
		env := map[string]string{"DOCKER_CONFIG": home}
		for k, v := range c.env {
			env[k] = v
		}
		got, err := locator{env: func(n string) string { return env[n] }}.find(c.given, c.named)
		if (err != nil) != c.fails || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
}

func TestBody(t *testing.T) {
	config, host := body(containers.Spec{
		Image: "abc", Command: []string{"--model", "m"}, Env: map[string]string{"A": "b"}, Labels: map[string]string{"l": "v"},
		Volumes: []containers.Volume{
			{Source: "/models", Destination: "/models", Options: []string{"ro"}},
			{Source: "cache", Destination: "/root/.cache/vllm", Named: true},
			{Source: "/x", Destination: "/y", Options: []string{"ro", "z"}},
		},
		GPUs: []string{"0", "1"}, HostIP: "127.0.0.1", HostPort: 4711, Port: 8000, IPCHost: true, User: "2000",
		Memory: 1 << 30, CPUs: 2.5, CPUSet: "0-3",
	})
	raw, err := json.Marshal(map[string]any{
		"Env": config.Env, "Image": config.Image, "Cmd": config.Cmd, "User": config.User, "ExposedPorts": config.ExposedPorts,
		"Mounts": host.Mounts, "Binds": host.Binds, "PortBindings": host.PortBindings, "DeviceRequests": host.DeviceRequests,
		"IpcMode": host.IpcMode, "Memory": host.Memory, "NanoCpus": host.NanoCPUs, "CpusetCpus": host.CpusetCpus, "RestartPolicy": host.RestartPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Env":["A=b"],"Image":"abc","Cmd":["--model","m"],"User":"2000","ExposedPorts":{"8000/tcp":{}},
		"Mounts":[{"Type":"bind","Source":"/models","Target":"/models","ReadOnly":true},{"Type":"volume","Source":"cache","Target":"/root/.cache/vllm"}],
		"Binds":["/x:/y:ro,z"],"PortBindings":{"8000/tcp":[{"HostIp":"127.0.0.1","HostPort":"4711"}]},
		"DeviceRequests":[{"Driver":"","Count":0,"DeviceIDs":["0","1"],"Capabilities":[["gpu"]],"Options":null}],
		"IpcMode":"host","Memory":1073741824,"NanoCpus":2500000000,"CpusetCpus":"0-3","RestartPolicy":{"Name":"no","MaximumRetryCount":0}}`
	var a, b any
	if err := errors.Join(json.Unmarshal(raw, &a), json.Unmarshal([]byte(want), &b)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, a); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
