package containers

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
)

func TestCommandLine(t *testing.T) {
	start := launcher.Spec{RunID: "20261123/a", StartID: "s1", Model: "m", Args: []string{"--tensor-parallel-size", "2"}, Env: map[string]string{"A": "b"}}
	o := Options{
		Image: "docker.io/vllm/vllm-openai:v0.27.1", GPUs: "0,1", User: "2000",
		Volumes: []string{"/models:/models:ro", "cache:/root/.cache/vllm"},
	}.withDefaults()
	s := o.spec(start, Image{ID: "abc"}, 4711, true)
	if s.Name != "sweep-20261123-a-s1" || s.Image != "abc" || s.Labels[LabelRun] != "20261123/a" || s.Labels[LabelStart] != "s1" {
		t.Errorf("got %+v", s)
	}
	const rest = " --volume /models:/models:ro --volume cache:/root/.cache/vllm --env A=b --publish 127.0.0.1:4711:8000 --shm-size 17179869184" +
		" --user 2000 docker.io/vllm/vllm-openai:v0.27.1 --model m --tensor-parallel-size 2 --host 0.0.0.0 --port 8000"
	for program, gpus := range map[string]string{
		"podman": "--device nvidia.com/gpu=0 --device nvidia.com/gpu=1 --security-opt label=disable",
		"docker": `--gpus "device=0,1"`,
	} {
		if line, want := strings.Join(s.commandLine(program), " "), program+" run --rm "+gpus+rest; line != want {
			t.Errorf("got  %s\nwant %s", line, want)
		}
	}
}

func TestSharedMemoryAndNetwork(t *testing.T) {
	two := launcher.Spec{Args: []string{"-tp=2"}}
	one := launcher.Spec{Args: []string{"--tensor-parallel-size", "1", "--max-num-seqs", "2"}}
	for name, c := range map[string]struct {
		options Options
		spec    launcher.Spec
		local   bool
		ipc     bool
		shm     int64
		ending  string
	}{
		"one GPU":       {Options{}, one, true, false, 16 << 30, "0.0.0.0 --port 8000"},
		"two GPUs":      {Options{}, two, true, false, 16 << 30, "0.0.0.0 --port 8000"},
		"two, sized":    {Options{ShmSize: 1 << 30}, two, true, false, 1 << 30, "0.0.0.0 --port 8000"},
		"asked for":     {Options{IPC: "host", ShmSize: 1}, one, true, true, 0, "0.0.0.0 --port 8000"},
		"host network":  {Options{Network: "host"}, one, true, false, 16 << 30, "127.0.0.1 --port 81"},
		"other machine": {Options{Network: "host", Port: 9000}, one, false, false, 16 << 30, "0.0.0.0 --port 9000"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.options.withDefaults().spec(c.spec, Image{}, 81, c.local)
			if s.IPCHost != c.ipc || s.ShmSize != c.shm {
				t.Errorf("ipc %v, shm %d; want %v, %d", s.IPCHost, s.ShmSize, c.ipc, c.shm)
			}
			if got := strings.Join(s.Command, " "); !strings.HasSuffix(got, "--host "+c.ending) {
				t.Errorf("command %s, want at its end %s", got, c.ending)
			}
		})
	}
}

// Both generations of vLLM's image take the same arguments.
func TestCommandAndEntryPoint(t *testing.T) {
	now := []string{"vllm", "serve"}
	old := []string{"python3", "-m", "vllm.entrypoints.openai.api_server"}
	for name, c := range map[string]struct{ entry, given, want []string }{
		"new image":            {now, nil, nil},
		"old image":            {old, nil, nil},
		"new image, repeated":  {now, now, nil},
		"new image, half":      {now, []string{"serve"}, nil},
		"old image, new style": {old, now, nil},
		"a wrapper":            {[]string{"/opt/nvidia/nvidia_entrypoint.sh"}, now, now},
		"no entry point":       {nil, now, now},
		"further words":        {now, []string{"vllm", "serve", "--verbose"}, []string{"--verbose"}},
	} {
		if got := command(c.entry, c.given); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// The model is passed as the experiment says: an image of llama-server takes it
// by a flag of another name, and some images name it themselves.
func TestModelOfACommand(t *testing.T) {
	start := launcher.Spec{Model: "m", Args: []string{"--ctx-size", "8192"}}
	const end = "--ctx-size 8192 --host 0.0.0.0 --port 8000"
	for _, c := range []struct {
		options Options
		entry   []string
		want    string
	}{
		{Options{}, nil, "--model m " + end},
		{Options{ModelArg: launcher.ModelFlag}, nil, "--model m " + end},
		{Options{ModelArg: launcher.ModelPositional, Command: []string{"vllm", "serve"}}, []string{"vllm", "serve"}, "m " + end},
		{Options{ModelArg: launcher.ModelNone, Command: []string{"-m", "/models/m.gguf"}}, []string{"/app/llama-server"}, "-m /models/m.gguf " + end},
		{Options{ModelArg: launcher.ModelNone}, []string{"/serve-this-model"}, end},
	} {
		s := c.options.withDefaults().spec(start, Image{Entrypoint: c.entry}, 81, true)
		if got := strings.Join(s.Command, " "); got != c.want {
			t.Errorf("%q: got %s, want %s", c.options.ModelArg, got, c.want)
		}
		if err := c.options.withDefaults().validate(); err != nil {
			t.Errorf("%q: %v", c.options.ModelArg, err)
		}
	}
	if err := (Options{ModelArg: "argument"}).withDefaults().validate(); err == nil {
		t.Error("an unknown way is accepted")
	}
}

// A start that was given GPUs of its own takes those and no others.
func TestGPUsOfAStart(t *testing.T) {
	for _, c := range []struct {
		option string
		start  []string
		want   []string
	}{
		{"all", nil, []string{"all"}},
		{"0, 1", nil, []string{"0", "1"}},
		{"none", []string{"1"}, nil},
		{"all", []string{"1"}, []string{"1"}},
	} {
		if got := (Options{GPUs: c.option}).gpus(launcher.Spec{GPUs: c.start}); !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: got %q", c.option, c.start, got)
		}
	}
}

func TestVolumesThatAreRefused(t *testing.T) {
	for _, v := range []string{"", "/a", "/a:b", ":/b", "~/x:/b", "a/b:/c", "/a:/b:ro:z"} {
		if _, err := ParseVolume(v); err == nil {
			t.Errorf("%q is accepted", v)
		}
	}
}
