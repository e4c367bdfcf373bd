package wording

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
)

// The errors are made as they happen, so that a Go that words them anew is
// noticed.
func TestPlainOfRealErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().String()
	free.Close()
	for name, c := range map[string]struct {
		err  func() error
		want string
	}{
		"no file":          {func() error { _, err := os.Open(dir + "/none"); return err }, "no such file or directory: " + dir + "/none"},
		"no file, stat":    {func() error { _, err := os.Stat(dir + "/none"); return err }, "no such file or directory: " + dir + "/none"},
		"below a file":     {func() error { _, err := os.Open(file + "/x"); return err }, file + "/x: a part of this path is a file, not a directory"},
		"mkdir below":      {func() error { return os.MkdirAll(file+"/x", 0o755) }, file + ": a part of this path is a file, not a directory"},
		"a directory":      {func() error { _, err := os.ReadFile(dir); return err }, dir + " is a directory"},
		"directory absent": {func() error { return atomicfile.WriteBytes(dir+"/none/x.csv", nil) }, "cannot write " + dir + "/none/x.csv: its directory does not exist"},
		"port taken": {func() error { _, err := net.Listen("tcp", taken.Addr().String()); return err },
			"address " + taken.Addr().String() + " is already in use: choose another port or stop the other program"},
		"no port":      {func() error { _, err := net.Listen("tcp", "127.0.0.1:99999"); return err }, "invalid port in 99999: want 0 to 65535"},
		"no address":   {func() error { _, err := net.Listen("tcp", "foo"); return err }, "invalid address foo: want HOST:PORT"},
		"not ours":     {func() error { _, err := net.Listen("tcp", "192.0.2.1:80"); return err }, "192.0.2.1:80 is not an address of this machine"},
		"refused":      {func() error { return get(t.Context(), "http://"+closed) }, "connection refused: nothing listens at " + closed},
		"no socket":    {func() error { _, err := net.Dial("unix", dir+"/s.sock"); return err }, "no such socket: " + dir + "/s.sock"},
		"not a socket": {func() error { _, err := net.Dial("unix", file); return err }, "nothing listens at socket " + file},
		"no answer": {func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return get(ctx, silent.URL)
		}, "no answer in time"},
		"no program":      {func() error { return exec.Command("no-such-program").Run() }, "program no-such-program not found on PATH"},
		"no program here": {func() error { return exec.Command(dir + "/none").Run() }, "no such program: " + dir + "/none"},
		"no program file": {func() error { return exec.Command(file).Run() }, "no permission to execute " + file},
		"half JSON":       {func() error { return json.Unmarshal([]byte("{"), new(int)) }, "unexpected end of data"},
		"no JSON":         {func() error { return json.Unmarshal([]byte("{x"), new(int)) }, "invalid JSON: unexpected 'x'"},
		"other JSON":      {func() error { return json.Unmarshal([]byte(`"x"`), new(int)) }, "invalid JSON: unexpected string"},
	} {
		err := c.err()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if got := Plain(fmt.Sprintf("do it: %v", err)); got != "do it: "+c.want {
			t.Errorf("%s: %q\n made %q\n want %q", name, err, got, "do it: "+c.want)
		}
	}
}

func get(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// What others say in Go's words, as they said it, and what needs a full disk or
// a network.
func TestPlainOfTexts(t *testing.T) {
	for text, want := range map[string]string{
		`pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host`:                                         "pinging container registry registry-1.docker.io: cannot resolve host registry-1.docker.io",
		`pinging container registry localhost: Get "https://localhost/v2/": dial tcp 127.0.0.1:443: connect: connection refused`:                                                                              "pinging container registry localhost: connection refused: nothing listens at 127.0.0.1:443",
		`(failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory)`: "(no such socket: /var/run/docker.sock)",
		`dial tcp: lookup hub.example on 10.0.0.2:53: read udp 10.0.0.1:4->10.0.0.2:53: i/o timeout`:                                                                                                          "cannot resolve host hub.example: no DNS server answers",
		`dial tcp [2001:db8::1]:443: i/o timeout`:                "[2001:db8::1]:443 does not answer",
		`write /data/runs/a/trial.json: no space left on device`: "the disk of /data/runs/a/trial.json is full: free some space",
		`open /root/x: permission denied`:                        "permission denied: /root/x",
		`the server answers 503: no such model`:                  "the server answers 503: no such model",
	} {
		if got := Plain(text); got != want {
			t.Errorf("%s\n made %q\n want %q", text, got, want)
		}
	}
	if strings.Contains(Plain("stat a: no such file or directory; stat b: no such file or directory"), "stat") {
		t.Error("only the first is put into words")
	}
}
