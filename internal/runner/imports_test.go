package runner

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The runner knows no backend, no engine and no flag: all three are handed in.
func TestTheRunnerKnowsNoBackend(t *testing.T) {
	const tree = "github.com/vllm-sweep/sweep/"
	list := func(args ...string) []string {
		out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	for _, path := range list("-f", `{{join .Imports "\n"}}`, ".") {
		if strings.HasPrefix(path, tree+"launcher/") {
			t.Errorf("the runner imports %s", path)
		}
	}
	// matrix and experiment name flags, so the catalogue itself may be linked.
	if all := list("-deps", "."); !slices.Contains(all, tree+"launcher") {
		t.Errorf("go list names %d packages, and not the launcher's interface", len(all))
	} else if i := slices.IndexFunc(all, func(path string) bool {
		below, ok := strings.CutPrefix(path, tree+"launcher/")
		return ok && !strings.HasPrefix(below, "internal/") && below != "vllmflags"
	}); i >= 0 {
		t.Errorf("the runner is linked with %s", all[i])
	}
}
