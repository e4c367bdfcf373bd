// Package library builds a simulated libnvidia-ml.so.1 from C source, for
// tests on machines without a GPU. Programs find it through LD_LIBRARY_PATH,
// go-nvml through nvml.WithLibraryPath.
package library

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed src/nvml.c
var source []byte

// ErrNoCompiler reports a machine without a C compiler.
var ErrNoCompiler = errors.New("no C compiler (cc) to build the simulated NVML")

// Build compiles the library into dir and returns its path. The header comes
// from the go-nvml module, which must be in the module cache.
func Build(ctx context.Context, dir string) (string, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoCompiler, err)
	}
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml").Output()
	if err != nil {
		return "", fmt.Errorf("find nvml.h of go-nvml: %w", err)
	}
	code := filepath.Join(dir, "nvml.c")
	if err := os.WriteFile(code, source, 0o644); err != nil {
		return "", fmt.Errorf("write the source of the simulated NVML: %w", err)
	}
	path := filepath.Join(dir, "libnvidia-ml.so.1")
	include := filepath.Join(strings.TrimSpace(string(module)), "pkg", "nvml")
	compile := exec.CommandContext(ctx, cc, "-shared", "-fPIC", "-O1", "-Wall", "-Wno-deprecated-declarations", "-I", include, "-o", path, code, "-lm", "-lpthread")
	if text, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the simulated NVML: %w\n%s", err, text)
	}
	return path, nil
}
