package podmantest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// An image runs in a container of the service, prints, and is gone after the
// test that made it.
func TestImageRuns(t *testing.T) {
	address := Service(t)
	remote := func(args ...string) (string, error) {
		cmd := exec.Command("podman", append([]string{"--url", address}, args...)...)
		// The client reads limits from its own configuration, not the service's.
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(shared.dir, "containers.conf"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	var image string
	t.Run("made", func(t *testing.T) {
		image = Image(t, hello(t), "one")
		out, err := remote("run", "--rm", "--network=none", image, "two")
		if err != nil || !strings.Contains(out, "hello one two") {
			t.Errorf("run: %v\n%s", err, out)
		}
	})
	if out, err := remote("image", "exists", image); err == nil {
		t.Errorf("image %s is left: %s", image, out)
	}
}

func hello(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	program := "package main\nimport (\"fmt\";\"os\")\nfunc main() { fmt.Println(\"hello\", os.Args[1], os.Args[2]) }\n"
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "hello")
	cmd := exec.Command("go", "build", "-o", path, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}
