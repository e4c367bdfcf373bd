package runner

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/process"
)

func TestTheEnvironmentOfAResumedRun(t *testing.T) {
	began := process.Inherited([]string{"PATH=/bin", "CUDA_VISIBLE_DEVICES=0", "HF_TOKEN=hf_planted", "VLLM_USE_V1=1", "SECRET_OF_MINE=x", "XDG_SESSION_ID=3"})
	if len(began) != 4 || strings.Contains(began["HF_TOKEN"], "planted") {
		t.Fatalf("recorded %v", began)
	}
	with := func(change ...string) map[string]string {
		return process.Inherited(append([]string{"PATH=/bin", "CUDA_VISIBLE_DEVICES=0", "HF_TOKEN=hf_planted", "VLLM_USE_V1=1"}, change...))
	}
	if w, err := sameEnvironment(began, with("XDG_SESSION_ID=4", "OTHER=y")); err != nil || len(w) > 0 {
		t.Errorf("nothing changed: %v, %v", w, err)
	}
	w, err := sameEnvironment(began, with("HF_TOKEN=hf_other", "VLLM_USE_V1=0", "NCCL_DEBUG=INFO"))
	want := notice.New("resumed-environment", notice.Args{"now": notice.Text("VLLM_USE_V1=0"), "before": notice.Text("VLLM_USE_V1=1")})
	if err != nil || len(w) != 3 || !slices.ContainsFunc(w, want.Equal) || strings.Contains(notice.Join(w), "hf_") {
		t.Errorf("got %q, %v", w, err)
	}
	if _, err := sameEnvironment(began, with("CUDA_VISIBLE_DEVICES=1")); !errors.Is(err, ErrEnvironment) || !strings.Contains(err.Error(), "export CUDA_VISIBLE_DEVICES=0") {
		t.Errorf("got %v", err)
	}
	if w, err := sameEnvironment(nil, began); err != nil || w != nil {
		t.Errorf("an older run: %v, %v", w, err)
	}
}
