package podman

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/launcher"
)

func TestContainerSpec(t *testing.T) {
	s := launcher.Spec{RunID: "20261123/a", StartID: "s1", Model: "m", Args: []string{"--tensor-parallel-size", "2"}, Env: map[string]string{"A": "b"}}
	o := New(Options{
		Image: "docker.io/vllm/vllm-openai:v0.27.1", GPUs: "0,1", User: "2000",
		Volumes: []string{"/models:/models:ro", "cache:/root/.cache/vllm"},
	}).options
	body := o.containerSpec(s, Image{ID: "abc"}, 4711, true)
	got, err := json.MarshalIndent(body, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "name": "sweep-20261123-a-s1",
 "image": "abc",
 "command": ["--model", "m", "--tensor-parallel-size", "2", "--host", "0.0.0.0", "--port", "8000"],
 "env": {"A": "b"},
 "labels": {"sweep.run": "20261123/a", "sweep.start": "s1"},
 "mounts": [{"destination": "/models", "type": "bind", "source": "/models", "options": ["rbind", "ro"]}],
 "volumes": [{"Name": "cache", "Dest": "/root/.cache/vllm", "Options": null}],
 "devices": [{"path": "nvidia.com/gpu=0"}, {"path": "nvidia.com/gpu=1"}],
 "selinux_opts": ["disable"],
 "portmappings": [{"host_ip": "127.0.0.1", "host_port": 4711, "container_port": 8000, "protocol": "tcp"}],
 "ipcns": {"nsmode": "host"},
 "user": "2000",
 "restart_policy": "no",
 "log_configuration": {"driver": "k8s-file"}
}`
	if d := cmp.Diff(decode(t, want), decode(t, string(got))); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	line := strings.Join(body.commandLine(o), " ")
	wantLine := "podman run --rm --device nvidia.com/gpu=0 --device nvidia.com/gpu=1 --security-opt label=disable" +
		" --volume /models:/models:ro --volume cache:/root/.cache/vllm --env A=b --publish 127.0.0.1:4711:8000 --ipc host" +
		" --user 2000 docker.io/vllm/vllm-openai:v0.27.1 --model m --tensor-parallel-size 2 --host 0.0.0.0 --port 8000"
	if line != wantLine {
		t.Errorf("got  %s\nwant %s", line, wantLine)
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSharedMemoryAndNetwork(t *testing.T) {
	two := launcher.Spec{Args: []string{"-tp=2"}}
	one := launcher.Spec{Args: []string{"--tensor-parallel-size", "1", "--max-num-seqs", "2"}}
	for name, c := range map[string]struct {
		options Options
		spec    launcher.Spec
		local   bool
		ipc     string
		shm     int64
		ending  string
	}{
		"one GPU":       {Options{}, one, true, "", 0, "0.0.0.0 --port 8000"},
		"two GPUs":      {Options{}, two, true, "host", 0, "0.0.0.0 --port 8000"},
		"two, sized":    {Options{ShmSize: 1 << 30}, two, true, "", 1 << 30, "0.0.0.0 --port 8000"},
		"asked for":     {Options{IPC: "host", ShmSize: 1}, one, true, "host", 0, "0.0.0.0 --port 8000"},
		"host network":  {Options{Network: "host"}, one, true, "", 0, "127.0.0.1 --port 81"},
		"other machine": {Options{Network: "host", Port: 9000}, one, false, "", 0, "0.0.0.0 --port 9000"},
	} {
		t.Run(name, func(t *testing.T) {
			body := New(c.options).options.containerSpec(c.spec, Image{}, 81, c.local)
			var ipc string
			var shm int64
			if body.IpcNS != nil {
				ipc = body.IpcNS.Mode
			}
			if body.ShmSize != nil {
				shm = *body.ShmSize
			}
			if ipc != c.ipc || shm != c.shm {
				t.Errorf("ipc %q, shm %d; want %q, %d", ipc, shm, c.ipc, c.shm)
			}
			if got := strings.Join(body.Command, " "); !strings.HasSuffix(got, "--host "+c.ending) {
				t.Errorf("command %s, want at its end %s", got, c.ending)
			}
		})
	}
}

func TestVolumesThatAreRefused(t *testing.T) {
	for _, v := range []string{"", "/a", "/a:b", ":/b", "~/x:/b", "a/b:/c", "/a:/b:ro:z"} {
		if _, err := parseVolume(v); err == nil {
			t.Errorf("%q is accepted", v)
		}
	}
}
