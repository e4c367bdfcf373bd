// Package testprogram builds programs of this module that tests run, once in a
// test binary.
package testprogram

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"testing"
)

// module is the import path of this module.
const module = "github.com/vllm-sweep/sweep/"

// Program is built on first use. A test binary keeps one and calls Remove at
// its end.
type Program struct {
	Package string   // its folder in the module
	Names   []string // of the executable; none: the folder's
	once    sync.Once
	dir     string
	err     error
}

// Path builds the program, statically linked so that it runs in an empty
// container, and returns the path of its executable. Its other names stand in
// the same folder.
func (p *Program) Path(t testing.TB) string {
	t.Helper()
	p.once.Do(p.build)
	if p.err != nil {
		t.Fatal(p.err)
	}
	return filepath.Join(p.dir, p.name())
}

func (p *Program) name() string {
	if len(p.Names) == 0 {
		return path.Base(p.Package)
	}
	return p.Names[0]
}

func (p *Program) build() {
	if p.dir, p.err = os.MkdirTemp("", "sweep-test-"); p.err != nil {
		return
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(p.dir, p.name()), module+p.Package)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		p.err = fmt.Errorf("build %s: %w\n%s", p.Package, err, out)
	}
	for i := 1; i < len(p.Names); i++ {
		p.err = errors.Join(p.err, os.Symlink(p.name(), filepath.Join(p.dir, p.Names[i])))
	}
}

// Remove deletes what was built.
func (p *Program) Remove() {
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
}
