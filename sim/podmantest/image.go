package podmantest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// api is the version of podman's API that is spoken; every podman from 4 on
// has it.
const api = "http://podman/v4.0.0/libpod"

// Image makes an image that holds nothing but the static executable, with the
// executable and the given arguments as its entry point.
func Image(t testing.TB, executable string, args ...string) string {
	t.Helper()
	layer, err := archive(executable)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := json.Marshal(append([]string{"/server"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return Import(t, layer, "ENTRYPOINT "+string(entry), "WORKDIR /tmp")
}

// Import makes an image of one layer, a tar archive, with the given
// instructions of a Containerfile. It is removed when the test ends. The name
// is unique and belongs to no registry.
func Import(t testing.TB, layer io.Reader, instructions ...string) string {
	t.Helper()
	client := unixClient(strings.TrimPrefix(Service(t), "unix://"))
	t.Cleanup(client.CloseIdleConnections)
	name := fmt.Sprintf("localhost/sweep-test:%d-%d", os.Getpid(), time.Now().UnixNano())
	// The label makes the image's ID its own: two of the same content that are
	// made in the same moment would be one, and go when the first is removed.
	query := url.Values{"reference": {name}, "changes": append(instructions, "LABEL test="+name)}
	if err := call(client, http.MethodPost, "/images/import?"+query.Encode(), layer); err != nil {
		t.Fatalf("import image: %v", err)
	}
	t.Cleanup(func() {
		if err := call(client, http.MethodDelete, "/images/"+url.PathEscape(name)+"?force=true", nil); err != nil {
			t.Errorf("remove image %s: %v", name, err)
		}
	})
	return name
}

// archive is the image's only layer: /server and /tmp.
func archive(executable string) (*bytes.Buffer, error) {
	content, err := os.ReadFile(executable)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	headers := []tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "server", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))},
	}
	for i := range headers {
		if err := w.WriteHeader(&headers[i]); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return &out, w.Close()
}

func call(client *http.Client, method, path string, body io.Reader) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, api+path, body)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return nil
}
