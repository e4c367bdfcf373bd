package experiment

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Files that were made to keep the reader busy are refused, or read, in a
// moment.
func TestFilesThatExpand(t *testing.T) {
	var merges strings.Builder
	merges.WriteString("a: &a\n")
	for i := range 1500 {
		fmt.Fprintf(&merges, "  k%d: 1\n", i)
	}
	merges.WriteString("b:\n  <<: [" + strings.TrimSuffix(strings.Repeat("*a,", 9000), ",") + "]\n")
	var chain strings.Builder
	chain.WriteString("m0: &m0 {x: 1}\n")
	for i := range 1500 {
		fmt.Fprintf(&chain, "m%d: &m%d {<<: *m%d, k%d: 1}\n", i+1, i+1, i, i)
	}
	for name, text := range map[string]string{
		"merges":            merges.String(),
		"a chain of merges": chain.String(),
		"one line":          "a: [" + strings.TrimSuffix(strings.Repeat("1,", 90_000), ",") + "]\n",
		"more values":       "a: [" + strings.TrimSuffix(strings.Repeat("1,", 400_000), ",") + "]\n",
		"brackets":          "a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n",
		"long keys":         strings.Repeat("k", 500_000) + ": 1\n",
		"keys on one line":  "{" + strings.TrimSuffix(strings.Repeat("\"\": 1, ", 40_000), ", ") + "}\n",
	} {
		began := time.Now()
		_, ds := Parse("x.yaml", []byte(text))
		took := time.Since(began)
		if !ds.HasErrors() {
			t.Errorf("%s: no error", name)
		}
		t.Logf("%s, %d KB: %s, %d diagnostics", name, len(text)>>10, took, len(ds))
		if took > 10*time.Second {
			t.Errorf("%s: %d KB took %s", name, len(text)>>10, took)
		}
	}
}

// A pipe as the experiment file or as a file of lengths is refused, not waited
// for.
func TestPipesAreRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.csv")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ds := LoadFile(pipe); !ds.HasErrors() || !strings.Contains(ds[0].Summary, "not a regular file") {
		t.Errorf("%+v", ds)
	}
	if _, err := ReadLengths(pipe, "x"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}
