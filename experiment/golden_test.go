package experiment

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// golden compares got with the file, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", name, diff)
	}
}

func render(t *testing.T, ds Diagnostics) string {
	t.Helper()
	var b bytes.Buffer
	if err := ds.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func matches(t *testing.T, pattern string, least int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) < least {
		t.Fatalf("%d files match %s, want at least %d; error %v", len(files), pattern, least, err)
	}
	return files
}

// TestBadFiles compares the diagnostics of each bad file with golden text.
func TestBadFiles(t *testing.T) {
	for _, file := range matches(t, "*.bad.yaml", 40) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			e, ds := LoadFile(file)
			if !ds.HasErrors() || e != nil {
				t.Fatalf("no errors, experiment %v", e)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", []byte(render(t, ds)))
		})
	}
}

// TestGoodFiles compares what each good file decodes to, and its warnings.
func TestGoodFiles(t *testing.T) {
	for _, file := range matches(t, "*.good.yaml", 5) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			e, ds := LoadFile(file)
			if ds.HasErrors() {
				t.Fatalf("errors:\n%s", render(t, ds))
			}
			raw, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(e.Raw, raw) {
				t.Errorf("Raw is not the file's text; error %v", err)
			}
			e.Raw = nil
			decoded, err := json.MarshalIndent(e, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			stem := strings.TrimSuffix(file, ".yaml")
			golden(t, stem+".json", append(decoded, '\n'))
			if len(ds) > 0 {
				golden(t, stem+".txt", []byte(render(t, ds)))
			} else if _, err := os.Stat(stem + ".txt"); err == nil {
				t.Errorf("%s.txt expects warnings and there are none", stem)
			}
		})
	}
}
