package matrix

import (
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
)

func TestMakespan(t *testing.T) {
	starts := []Start{{Block: 1}, {Block: 1}, {Block: 1}, {Block: 2}}
	const s = time.Second
	for _, c := range []struct {
		name string
		span []time.Duration
		need []int
		gpus int
		want time.Duration
	}{
		{"one at a time", []time.Duration{s, 2 * s, 3 * s, 4 * s}, []int{1, 1, 1, 1}, 1, 10 * s},
		{"two GPUs", []time.Duration{s, 2 * s, 3 * s, 4 * s}, []int{1, 1, 1, 1}, 2, 8 * s},
		{"as many as starts", []time.Duration{s, 2 * s, 3 * s, 4 * s}, []int{1, 1, 1, 1}, 4, 7 * s},
		{"one takes both", []time.Duration{s, 2 * s, 3 * s, 4 * s}, []int{1, 2, 1, 1}, 2, 10 * s},
		{"one wants more than there are", []time.Duration{s, 2 * s, 3 * s, 4 * s}, []int{1, 8, 1, 1}, 2, 10 * s},
	} {
		if got := makespan(starts, c.span, c.need, c.gpus); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestGPUsKnown(t *testing.T) {
	for list, want := range map[string]int{"0": 1, "0,1,5": 3, "all": 0, "none": 0} {
		if got := gpusKnown(experiment.Server{Podman: &experiment.Container{GPUs: list}}); got != want {
			t.Errorf("%s: got %d, want %d", list, got, want)
		}
	}
	env := []experiment.EnvVar{{Name: "CUDA_VISIBLE_DEVICES", Value: "2,3"}}
	if got := gpusKnown(experiment.Server{Process: &experiment.Process{Env: env}}); got != 2 {
		t.Errorf("process: got %d", got)
	}
}
