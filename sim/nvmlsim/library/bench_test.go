//go:build cgo

package library

import (
	"path/filepath"
	"testing"

	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
)

// BenchmarkSample is the cost of one sample of eight simulated GPUs through
// go-nvml. The simulated library reads its file at every query, which no
// driver does; a driver has costs of its own.
func BenchmarkSample(b *testing.B) {
	s := nvmlsim.State{Driver: "1"}
	for range 8 {
		s.GPUs = append(s.GPUs, script().GPUs[0])
	}
	so, err := Build(b.Context(), b.TempDir())
	if err != nil {
		b.Skip("NOT MEASURED: ", err)
	}
	path := filepath.Join(b.TempDir(), "gpus")
	if err := s.Write(path); err != nil {
		b.Fatal(err)
	}
	b.Setenv(nvmlsim.Environment, path)
	g, err := telemetry.OpenLibrary(so)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	for b.Loop() {
		if _, err := g.Sample(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
