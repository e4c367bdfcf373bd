package realtest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/sim/podmantest"
)

// rootImage is a root folder without programs: this machine's own come in by
// read-only volumes, so that the vLLM that was installed here runs in a
// container without a registry.
func rootImage(t testing.TB, entry ...string) string {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	var headers []tar.Header
	for _, dir := range []string{"etc/", "tmp/", "usr/", "root/", "proc/", "sys/", "dev/", "run/", "var/", "var/tmp/"} {
		headers = append(headers, tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o1777})
	}
	for _, link := range []string{"bin", "sbin", "lib", "lib64"} {
		headers = append(headers, tar.Header{Name: link, Typeflag: tar.TypeSymlink, Linkname: "usr/" + link})
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\n"
	headers = append(headers, tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(passwd))})
	for i := range headers {
		if err := w.WriteHeader(&headers[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write([]byte(passwd)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	words, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	return podmantest.Import(t, &layer, "ENTRYPOINT "+string(words), "WORKDIR /tmp", "ENV PATH=/usr/bin:/bin HOME=/tmp")
}

// python is the folder of the interpreter that an environment was made with.
func python(t testing.TB, root string) string {
	t.Helper()
	exe, err := filepath.EvalSymlinks(filepath.Join(root, "vllm/bin/python"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(exe))
}

const podmanServer = `  podman:
    image: %s
    socket: %s
    pull: never
    volumes: [%s]
    env: {HF_HUB_OFFLINE: "1", TRANSFORMERS_OFFLINE: "1", VLLM_NO_USAGE_STATS: "1", VLLM_CPU_KVCACHE_SPACE: "1", VLLM_SERVER_DEV_MODE: "1"}
`

// mounts are this machine's folders that a program of the environment needs, as
// read-only volumes.
func mounts(dirs ...string) string {
	var volumes []string
	for _, dir := range append([]string{"/usr"}, dirs...) {
		if dir == "/usr" || !strings.HasPrefix(dir, "/usr/") {
			volumes = append(volumes, fmt.Sprintf("%q", dir+":"+dir+":ro"))
		}
	}
	return strings.Join(volumes, ", ")
}

// podmanSection is the server section of an experiment that runs the installed
// vLLM in a container.
func podmanSection(t testing.TB, root string) string {
	t.Helper()
	return fmt.Sprintf(podmanServer, rootImage(t, filepath.Join(root, vllm.file), "serve"), podmantest.Service(t),
		mounts(python(t, root), root))
}

// The same two configurations in containers.
func TestVLLMPodman(t *testing.T) {
	root := need(t, full, vllm, tiny)
	yaml := fmt.Sprintf(processExperiment, filepath.Join(root, "models/tiny"), "x", "[2]", 1)
	yaml = strings.Replace(yaml, "  process: {command: [x, serve]}\n", podmanSection(t, root), 1)
	dir := write(t, yaml)
	left := before()
	stdout, stderr, code := sweep(t, dir, 15*time.Minute, "run", "e.yaml")
	if code != 3 {
		t.Fatalf("exit code %d, want 3\n%s\n%s", code, stdout, stderr)
	}
	left.check(t, dir)
	r := read(t, dir)
	counted(t, r, 2)
	refused(t, r, "block")
	applied(t, r, "max-num-seqs", "8")
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%v in the working directory, want the experiment and its runs", entries)
	}
}

const llamaPodman = `  podman:
    image: %s
    command: [-m, %s]
    model: none
    socket: %s
    pull: never
    volumes: [%s]
`

// llama-server in a container takes its model by another flag.
func TestLlamaPodman(t *testing.T) {
	root := need(t, full, llama, gguf)
	model := filepath.Join(root, gguf.file)
	yaml := fmt.Sprintf(llamaExperiment, "x", model)
	yaml = strings.Replace(yaml, "  process: {command: [x, -m, "+model+"], model: none}\n",
		fmt.Sprintf(llamaPodman, rootImage(t, filepath.Join(root, llama.file)), model, podmantest.Service(t), mounts(root)), 1)
	dir := write(t, yaml)
	left := before()
	stdout, stderr, code := sweep(t, dir, 10*time.Minute, "run", "e.yaml")
	if code != 3 { // finished, one configuration could not start
		t.Fatalf("exit code %d, want 3\n%s\n%s", code, stdout, stderr)
	}
	left.check(t, dir)
	r := read(t, dir)
	counted(t, r, 6)
	applied(t, r, "alias", "tiny")
}
