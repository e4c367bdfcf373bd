package matrix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
)

func TestUseCasesThatNoTrialCanAnswerAreNamed(t *testing.T) {
	const file = `
version: 1
name: floors
server: {model: m, simulated: {}}
loads:
  chat: {prompt_tokens: 10, output_tokens: 10, arrivals: {%s}, %s}
slo: {%s}
use_cases:
  u: {minimize: %s, load: chat}
`
	for _, tc := range []struct {
		arrivals, bound, slo, objective string
		want                            string // part of the warning; empty: none
	}{
		{"poisson: 5", "requests: 100", "e2e_p50: 1s", "ttft_p95", "ttft_p95 needs 130 requests per trial, but load chat has at most 100"},
		{"poisson: 5", "requests: 130", "e2e_p50: 1s", "ttft_p95", ""},
		{"poisson: 5", "requests: 100", "e2e_p99: 1s", "ttft_p50", "e2e_p99 needs 662"},
		{"constant: 2", "duration: 30s", "e2e_p50: 1s", "ttft_p90", "load chat has at most 60"},
		{"constant: [2, 4]", "duration: 30s", "e2e_p50: 1s", "ttft_p90", ""},
		{"poisson: 2", "duration: 30s", "e2e_p50: 1s", "ttft_p90", ""}, // 60 expected, 64 may come
		{"concurrency: 4", "duration: 1s", "e2e_p50: 1s", "ttft_p99", ""},
		{"constant: 2", "duration: 30s", "e2e_p50: 1s", "itl_p99", ""},
		{"constant: 2", "duration: 30s", "e2e_p50: 1s", "ttft_mean", ""},
	} {
		e, ds := experiment.Parse("e.yaml", fmt.Appendf(nil, file, tc.arrivals, tc.bound, tc.slo, tc.objective))
		if e == nil {
			t.Fatalf("%+v: %v", tc, ds)
		}
		p, err := New(e)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range p.Warnings {
			if w.Code == "use-case-unanswerable" {
				got += w.Text()
			}
		}
		if (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s, %s, slo %s, minimize %s:\ngot  %q\nwant %q", tc.arrivals, tc.bound, tc.slo, tc.objective, got, tc.want)
		}
	}
}
