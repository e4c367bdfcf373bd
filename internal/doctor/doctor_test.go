package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher"
)

// fakeGPUs stand for the GPUs of a host that has some.
type fakeGPUs struct{ samples []telemetry.Sample }

func (fakeGPUs) Source() string       { return "nvml" }
func (fakeGPUs) Driver() string       { return "550.54" }
func (fakeGPUs) Least() time.Duration { return time.Second }
func (fakeGPUs) Close() error         { return nil }
func (fakeGPUs) Devices() []telemetry.Device {
	return []telemetry.Device{{Index: 0, Name: "NVIDIA H100", MemoryBytes: 80 << 30}}
}
func (f fakeGPUs) Sample(context.Context) ([]telemetry.Sample, error) { return f.samples, nil }

// host is a machine in a folder.
func host(t *testing.T, files map[string]string) Options {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Options{
		Root: root, Home: filepath.Join(root, "home"), Dir: root,
		LookupEnv:   func(name string) (string, bool) { return "1", name == "HF_HUB_OFFLINE" }, // no test asks the real hub
		OpenGPUs:    func(context.Context) (telemetry.GPUs, error) { return nil, telemetry.ErrNoGPU },
		Service:     func(context.Context, string) (string, string, error) { return "5.4.1", "unix:///run/podman.sock", nil },
		Backend:     func(context.Context) error { return nil },
		Environment: func() error { return nil },
	}
}

func get(t *testing.T, checks []Check, name string) Check {
	t.Helper()
	for _, c := range checks {
		if (c.Status == OK) != (c.Code == "") || c.Code != "" && c.Notice().Text() != c.Text {
			t.Errorf("code and text: %+v", c)
		}
	}
	for _, c := range checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q in %+v", name, checks)
	return Check{}
}

func parse(t *testing.T, server string) *experiment.Experiment {
	t.Helper()
	e, ds := experiment.Parse("x.yaml", []byte("version: 1\nname: x\nserver:\n"+server+"loads:\n  a: {prompt_tokens: 1, output_tokens: 1, arrivals: {concurrency: 1}, requests: 5}\n"))
	if e == nil {
		t.Fatal(ds)
	}
	return e
}

const inPodman = "  model: acme/bot\n  podman: {image: \"docker.io/vllm/vllm-openai:v0.27.1\", gpus: all}\n"

// silent is the error of a service that does not answer.
type silent struct{}

func (silent) Error() string {
	return "the podman service does not answer; start it: " + silent{}.Remedy()
}
func (silent) Cause() string  { return "the podman service does not answer" }
func (silent) Remedy() string { return "systemctl --user start podman.socket" }

func down(context.Context, string) (string, string, error) {
	return "", "", silent{}
}

func TestServices(t *testing.T) {
	o := host(t, nil)
	if c := get(t, Examine(t.Context(), o), "podman"); c.Status != OK || !strings.Contains(c.Text, "5.4.1 at unix:///run/podman.sock") {
		t.Errorf("podman answers: %+v", c)
	}
	o.Service = down
	c := get(t, Examine(t.Context(), o), "podman")
	if c.Status != Warning || c.Remedy != "systemctl --user start podman.socket" || strings.Contains(c.Text, "start it") {
		t.Errorf("nothing answers: %+v", c)
	}
	o.Service = func(ctx context.Context, name string) (string, string, error) {
		if name == "docker" {
			return "28.1", "unix:///var/run/docker.sock", nil
		}
		return down(ctx, name)
	}
	if c := get(t, Examine(t.Context(), o), "podman"); c.Status != OK || !strings.Contains(c.Text, "docker does") {
		t.Errorf("docker answers: %+v", c)
	}
	o.Experiment = parse(t, inPodman)
	checks := Examine(t.Context(), o)
	if c := get(t, checks, "podman"); c.Status != Failure || c.Remedy == "" {
		t.Errorf("the experiment needs podman: %+v", c)
	}
	for _, c := range checks {
		if c.Name == "image" {
			t.Errorf("without the service nothing is known of the image: %+v", c)
		}
	}
}

func TestGPUsAndCDI(t *testing.T) {
	o := host(t, nil)
	o.OpenGPUs = func(context.Context) (telemetry.GPUs, error) {
		return fakeGPUs{[]telemetry.Sample{{Index: 0, Values: map[string]float64{
			telemetry.MemoryUsed: 12 << 30, telemetry.Temperature: 81, telemetry.ECCUncorrected: 2,
		}, Processes: []telemetry.Process{{PID: 4711, Memory: 11 << 30}}}}}, nil
	}
	checks := Examine(t.Context(), o)
	var said strings.Builder
	if err := WriteText(&said, checks); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"550.54, read through nvml", "NVIDIA H100, 80 GiB", "12 GiB of GPU 0 are already in use by process 4711 (11 GiB)",
		"81 °C while idle", "2 uncorrected memory errors", "nvidia.com/gpu is not defined", "-> Run: sudo nvidia-ctk cdi generate",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said:\n%s", want, said.String())
		}
	}
	if Failed(checks) {
		t.Error("the host alone failed")
	}
	o.Experiment = parse(t, inPodman)
	if c := get(t, Examine(t.Context(), o), "CDI"); c.Status != Failure {
		t.Errorf("GPUs for containers: %+v", c)
	}
	described := host(t, map[string]string{"etc/cdi/nvidia.yaml": "kind: nvidia.com/gpu\n"})
	described.OpenGPUs, described.Experiment = o.OpenGPUs, o.Experiment
	if c := get(t, Examine(t.Context(), described), "CDI"); c.Status != OK {
		t.Errorf("described: %+v", c)
	}
}

func TestNoGPU(t *testing.T) {
	if c := get(t, Examine(t.Context(), host(t, nil)), "driver"); c.Status != OK {
		t.Errorf("a host without: %+v", c)
	}
	broken := host(t, map[string]string{"proc/driver/nvidia/version": "NVRM"})
	if c := get(t, Examine(t.Context(), broken), "driver"); c.Status != Failure {
		t.Errorf("a driver that does not answer: %+v", c)
	}
	for server, want := range map[string]Status{
		inPodman: Failure,
		"  model: m\n  process: {command: [vllm, serve]}\n": Warning,
		"  model: m\n  simulated: {}\n":                     OK,
	} {
		o := host(t, nil)
		o.Experiment = parse(t, server)
		if c := get(t, Examine(t.Context(), o), "driver"); c.Status != want {
			t.Errorf("%s: %+v, want %s", server, c, want)
		}
	}
}

func TestHost(t *testing.T) {
	o := host(t, map[string]string{
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":            "performance\n",
		"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor":            "powersave\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
		"proc/loadavg": "900.0 1 1 1/1 1\n",
		"proc/meminfo": "MemTotal: 99 kB\nMemAvailable:    1048576 kB\n",
	})
	checks := Examine(t.Context(), o)
	for name, want := range map[string]string{
		"CPU clock": "powersave on 1 of 2 cores", "time source": "hpet is slow", "load": "900 on", "memory": "1 GiB of memory",
	} {
		if c := get(t, checks, name); c.Status != Warning || !strings.Contains(c.Text, want) || c.Remedy == "" {
			t.Errorf("%s: %+v, want a warning with %q", name, c, want)
		}
	}
	fine := host(t, map[string]string{
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":            "performance\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
		"proc/loadavg": "0.0 1 1 1/1 1\n",
		"proc/meminfo": "MemAvailable:    99999999 kB\n",
	})
	for _, c := range Examine(t.Context(), fine) {
		if c.Status != OK && !strings.HasPrefix(c.Name, "disk") && c.Name != "open files" && c.Name != "ports" {
			t.Errorf("%+v", c)
		}
	}
}

// Where runs go must be a directory, also where it is made first.
func TestNoPlaceForRuns(t *testing.T) {
	o := host(t, map[string]string{"file": "x"})
	o.Dir = filepath.Join(o.Dir, "file", "runs")
	if c := get(t, Examine(t.Context(), o), "disk (runs)"); c.Status != Failure || !strings.Contains(c.Text, "is a file") || c.Remedy == "" {
		t.Errorf("%+v", c)
	}
}

// What the network says is put into words.
func TestNoErrorTextOfGo(t *testing.T) {
	o := host(t, nil)
	o.Service = func(context.Context, string) (string, string, error) {
		return "", "", errors.New("the docker service does not answer (dial unix /x.sock: connect: no such file or directory)")
	}
	if c := get(t, Examine(t.Context(), o), "docker"); c.Text != "the docker service does not answer (no such socket: /x.sock)" {
		t.Errorf("%+v", c)
	}
}

func TestWhatAnExperimentNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		server string
		err    error
		check  string
		want   Status
	}{
		"image here":    {inPodman, nil, "image", OK},
		"image to pull": {inPodman, fmt.Errorf("image x: %w", launcher.ErrImageAbsent), "image", Warning},
		"image refused": {strings.Replace(inPodman, "gpus: all", "gpus: all, pull: never", 1), fmt.Errorf("image x: %w", launcher.ErrImageAbsent), "image", Failure},
		"program":       {"  model: m\n  process: {command: [vllm, serve]}\n", errors.New("vllm: not found"), "backend", Failure},
		"program here":  {"  model: m\n  process: {command: [vllm, serve]}\n", nil, "backend", OK},
	} {
		o := host(t, nil)
		o.Experiment, o.Backend = parse(t, c.server), func(context.Context) error { return c.err }
		if got := get(t, Examine(t.Context(), o), c.check); got.Status != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
	o := host(t, nil)
	o.Experiment, o.Environment = parse(t, inPodman), func() error { return fmt.Errorf("HF_TOKEN is not set") }
	checks := Examine(t.Context(), o)
	if c := get(t, checks, "environment"); c.Status != Failure || !Failed(checks) {
		t.Errorf("%+v", c)
	}
	if c := get(t, checks, "model cache"); c.Status != Warning || !strings.Contains(c.Remedy, "hf download acme/bot") {
		t.Errorf("%+v", c)
	}
	o.Experiment = parse(t, strings.Replace(inPodman, "gpus: all", "gpus: all, model: none", 1)) // its name is only what requests use
	if c := get(t, Examine(t.Context(), o), "model cache"); c.Status != OK {
		t.Errorf("%+v", c)
	}
}

func TestModelHub(t *testing.T) {
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/models/acme/open":
		case r.URL.Path == "/api/models/acme/gated" && r.Header.Get("Authorization") == "Bearer hf_1":
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	away := httptest.NewServer(nil)
	away.Close()
	defer hub.Close()
	for _, c := range []struct{ model, endpoint, token, offline, want string }{
		{"acme/open", hub.URL, "", "", "downloads it from " + hub.URL},
		{"acme/gated", hub.URL + "/", "hf_1", "", "downloads it from"},
		{"acme/gated", hub.URL, "", "", "cannot download it: " + hub.URL + " answers 401"},
		{"acme/open", away.URL, "", "", "cannot reach"},
		{"acme/open", hub.URL, "", "1", "HF_HUB_OFFLINE"},
	} {
		env := map[string]string{"HF_ENDPOINT": c.endpoint, "HF_TOKEN": c.token, "HF_HUB_OFFLINE": c.offline}
		o := host(t, nil)
		o.LookupEnv = func(name string) (string, bool) { return env[name], env[name] != "" }
		o.Experiment = parse(t, strings.Replace(inPodman, "acme/bot", c.model, 1))
		if got := get(t, Examine(t.Context(), o), "model cache"); got.Status != Warning || !strings.Contains(got.Text, c.want) || strings.Contains(got.Text, "hf_1") {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// TestServerOnProcessors expects no advice about GPUs where the vLLM that the
// command starts is a build for processors, and the model's folder to be
// looked for before every start fails on it.
func TestServerOnProcessors(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	vllm := write("cpu/bin/vllm", "#!"+root+"/cpu/bin/python\n")
	write("cpu/lib/python3.12/site-packages/vllm-0.32.0+cpu.dist-info/METADATA", "")
	other := write("gpu/bin/vllm", "#!"+root+"/gpu/bin/python\n")
	write("gpu/lib/python3.12/site-packages/vllm-0.32.0.dist-info/METADATA", "")
	wrapper := write("ssh", "#!/bin/sh\n")
	model := filepath.Dir(write("model/config.json", "{}"))
	for _, c := range []struct {
		name, command, model string
		driver, folder       Status
	}{
		{"for processors", vllm, model, OK, OK},
		{"for GPUs", other, model, Warning, OK},
		{"no such model", vllm, model + "s", OK, Failure},
		{"the model may be on another machine", wrapper + ", " + vllm, model + "s", OK, Warning},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := host(t, nil)
			o.Experiment = parse(t, fmt.Sprintf("  model: %s\n  process: {command: [%s, serve]}\n", c.model, c.command))
			checks := Examine(t.Context(), o)
			if got := get(t, checks, "driver"); got.Status != c.driver {
				t.Errorf("driver: %+v", got)
			}
			if got := get(t, checks, "model"); got.Status != c.folder || (c.folder == OK) != (got.Remedy == "") {
				t.Errorf("model: %+v", got)
			}
		})
	}
}

// A folder without a model in it is named before vLLM finds out, also where the
// server computes on processors; and a name that is not in the cache.
func TestModelThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	for model, want := range map[string]string{
		dir:              "neither config.json nor params.json",
		"acme/not-there": "acme/not-there",
	} {
		e := &experiment.Experiment{Server: experiment.Server{
			Model: model, Engine: experiment.EngineVLLM, Compute: experiment.ComputeCPU,
			Process: &experiment.Process{Command: []string{"vllm", "serve"}, ModelArg: launcher.ModelPositional},
		}}
		o := host(t, nil)
		o.Experiment = e
		var said strings.Builder
		if err := WriteText(&said, Examine(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(said.String(), want) {
			t.Errorf("%s: no word of %q in\n%s", model, want, said.String())
		}
	}
}
