package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

func TestContinuable(t *testing.T) {
	b := newBench(t, small)
	sum := sha256.Sum256(b.e.Raw)
	began := rundir.Provenance{
		Experiment: hex.EncodeToString(sum[:]), SweepVersion: "v1", CPU: "A", GPUs: []rundir.GPU{{Name: "H100", UUID: "1"}},
	}
	edited := func(from, to string) *experiment.Experiment {
		e, ds := experiment.Parse("test.yaml", []byte(strings.Replace(small, from, to, 1)))
		if ds.HasErrors() {
			t.Fatalf("%v", ds)
		}
		return e
	}
	for _, tc := range []struct {
		name     string
		change   func(past *rundir.Run, now *rundir.Provenance)
		e        *experiment.Experiment
		want     error
		warnings int
	}{
		{"as it was", func(*rundir.Run, *rundir.Provenance) {}, b.e, nil, 0},
		{"experiment edited", func(r *rundir.Run, _ *rundir.Provenance) { r.Experiment = append(r.Experiment, "# x\n"...) }, b.e, ErrChanged, 0},
		{"another plan", func(*rundir.Run, *rundir.Provenance) {}, edited("[64, 8]", "[64, 16]"), ErrChanged, 0},
		{"empty plan", func(r *rundir.Run, _ *rundir.Provenance) { r.Plan = &matrix.Plan{} }, b.e, ErrChanged, 0},
		{"plan edited", func(r *rundir.Run, _ *rundir.Provenance) { r.Plan.Configurations[1].Flags[0].Value = "9" }, b.e, ErrChanged, 0},
		{"other GPU", func(_ *rundir.Run, p *rundir.Provenance) { p.GPUs = []rundir.GPU{{Name: "A100"}} }, b.e, ErrEnvironment, 0},
		{"no GPU", func(_ *rundir.Run, p *rundir.Provenance) { p.GPUs = nil }, b.e, ErrEnvironment, 0},
		{"same kind of GPU", func(_ *rundir.Run, p *rundir.Provenance) { p.GPUs = []rundir.GPU{{Name: "H100", UUID: "2"}} }, b.e, nil, 0},
		{"other processor and sweep", func(_ *rundir.Run, p *rundir.Provenance) { p.CPU, p.SweepVersion = "B", "v2" }, b.e, nil, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			past := b.read()
			past.Provenance = began
			now := began
			tc.change(past, &now)
			warnings, err := Continuable(past, tc.e, now)
			if !errors.Is(err, tc.want) || len(warnings) != tc.warnings {
				t.Errorf("warnings %q, err %v; want %d, %v", warnings, err, tc.warnings, tc.want)
			}
		})
	}
}
