// Package build makes the executable of the test server, once in a test binary.
package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Server is a test server built on first use. Its zero value is ready; a test
// binary keeps one and calls Remove at its end.
type Server struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Path builds the server, statically linked so that it runs in an empty
// container, and returns the path of its executable.
func (s *Server) Path(t testing.TB) string {
	t.Helper()
	s.once.Do(s.build)
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.path
}

func (s *Server) build() {
	if s.dir, s.err = os.MkdirTemp("", "sweep-testserver-"); s.err != nil {
		return
	}
	s.path = filepath.Join(s.dir, "testserver")
	cmd := exec.Command("go", "build", "-o", s.path, "github.com/vllm-sweep/sweep/launcher/internal/testserver")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.err = fmt.Errorf("build test server: %w\n%s", err, out)
	}
}

// Remove deletes what was built.
func (s *Server) Remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
