package podman

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

func TestBody(t *testing.T) {
	got, err := json.MarshalIndent(body(containers.Spec{
		Name: "n", Image: "abc", Command: []string{"--model", "m"}, Env: map[string]string{"A": "b"}, Labels: map[string]string{"l": "v"},
		Volumes: []containers.Volume{
			{Source: "/models", Destination: "/models", Options: []string{"ro"}},
			{Source: "cache", Destination: "/root/.cache/vllm", Named: true},
		},
		GPUs: []string{"0", "1"}, HostIP: "127.0.0.1", HostPort: 4711, Port: 8000, IPCHost: true, User: "2000",
		Memory: 1 << 30, CPUs: 2.5, CPUSet: "0-3",
	}), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "name": "n",
 "image": "abc",
 "command": ["--model", "m"],
 "env": {"A": "b"},
 "labels": {"l": "v"},
 "mounts": [{"destination": "/models", "type": "bind", "source": "/models", "options": ["rbind", "ro"]}],
 "volumes": [{"Name": "cache", "Dest": "/root/.cache/vllm", "Options": null}],
 "devices": [{"path": "nvidia.com/gpu=0"}, {"path": "nvidia.com/gpu=1"}],
 "selinux_opts": ["disable"],
 "portmappings": [{"host_ip": "127.0.0.1", "host_port": 4711, "container_port": 8000, "protocol": "tcp"}],
 "ipcns": {"nsmode": "host"},
 "user": "2000",
 "resource_limits": {"memory": {"limit": 1073741824}, "cpu": {"quota": 250000, "period": 100000, "cpus": "0-3"}},
 "restart_policy": "no",
 "log_configuration": {"driver": "k8s-file"}
}`
	if d := cmp.Diff(decode(t, want), decode(t, string(got))); d != "" {
		t.Errorf("-want +got\n%s", d)
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
