package podman

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	home := t.TempDir()
	write := func(path, text string) string {
		t.Helper()
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	conf := write("containers.conf", `
[engine]
active_service = "lab"
[engine.service_destinations.lab]
uri = "ssh://me@lab/run/podman/podman.sock"
identity = "/home/me/.ssh/id"
`)
	connections := write("connections.json", `{"Connection":{"Default":"vm","Connections":{
		"vm":{"URI":"ssh://core@127.0.0.1:4000/run/podman/podman.sock","IsMachine":true}}}}`)
	undefined := write("undefined.conf", "[engine]\nactive_service = \"nowhere\"\n")
	broken := write("broken.conf", "[engine\n")
	socket := write("run/podman/podman.sock", "")

	for name, c := range map[string]struct {
		given string
		named string
		uid   int
		env   map[string]string
		want  destination
		fails bool
	}{
		"given":       {given: "tcp://a:1", env: map[string]string{"CONTAINER_HOST": "tcp://b:2"}, want: destination{URI: "tcp://a:1"}},
		"environment": {env: map[string]string{"CONTAINER_HOST": "tcp://b:2", "CONTAINER_SSHKEY": "/k", "CONTAINERS_CONF": conf}, want: destination{URI: "tcp://b:2", Identity: "/k"}},
		"configured":  {env: map[string]string{"CONTAINERS_CONF": conf}, want: destination{URI: "ssh://me@lab/run/podman/podman.sock", Identity: "/home/me/.ssh/id"}},
		"connections": {env: map[string]string{"CONTAINERS_CONF": conf, "PODMAN_CONNECTIONS_CONF": connections}, want: destination{URI: "ssh://core@127.0.0.1:4000/run/podman/podman.sock", IsMachine: true}},
		"named":       {env: map[string]string{"CONTAINERS_CONF": conf, "PODMAN_CONNECTIONS_CONF": connections, "CONTAINER_CONNECTION": "lab"}, want: destination{URI: "ssh://me@lab/run/podman/podman.sock", Identity: "/home/me/.ssh/id"}},
		"asked for":   {named: "lab", env: map[string]string{"CONTAINER_HOST": "tcp://b:2", "CONTAINERS_CONF": conf, "PODMAN_CONNECTIONS_CONF": connections}, want: destination{URI: "ssh://me@lab/run/podman/podman.sock", Identity: "/home/me/.ssh/id"}},
		"unknown":     {named: "laboratory", env: map[string]string{"CONTAINERS_CONF": conf}, fails: true},
		"undefined":   {env: map[string]string{"CONTAINERS_CONF": undefined}, fails: true},
		"broken":      {env: map[string]string{"CONTAINERS_CONF": broken}, fails: true},
		"rootless":    {uid: 1000, env: map[string]string{"XDG_RUNTIME_DIR": filepath.Join(home, "run")}, want: destination{URI: "unix://" + socket}},
		"root":        {env: map[string]string{}, want: destination{URI: "unix:///run/podman/podman.sock"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"HOME": filepath.Join(home, "none"), "CONTAINERS_CONF": filepath.Join(home, "none.conf")}
			for k, v := range c.env {
				env[k] = v
			}
			l := locator{uid: c.uid, env: func(name string) string { return env[name] }}
			got, err := l.find(c.given, c.named)
			if (err != nil) != c.fails || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}
