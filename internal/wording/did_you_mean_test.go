package wording

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	known := []string{"trials", "trial_runs", "slo", "max-model-len", "ttft_p90", "ttft_p95", "ttft_p99"}
	for word, want := range map[string]string{
		"trails": "trials", "Trials": "trials", "trial": "trials", "max_model_len": "max-model-len", "sol": "slo",
		"whatever": "", "x": "", "ttft_p96": "ttft_p95", "ttft_p98": "ttft_p99", "ttft_p9": "ttft_p90",
	} {
		if got, _ := Nearest(word, known); got != want {
			t.Errorf("nearest to %s is %q, want %q", word, got, want)
		}
	}
}

// TestEditDistance checks the laws of a distance.
func TestEditDistance(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := editDistance(a, b, 100)
		if d != editDistance(b, a, 100) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < abs(len(a)-len(b)) {
			t.Fatalf("distance %d", d)
		}
	})
}
