package sim

import (
	"os/exec"
	"strings"
	"testing"
)

// TestSweepLinksNoFake: what sweep measures and how it judges must not come
// from what stands in for a server, a GPU or a tool.
func TestSweepLinksNoFake(t *testing.T) {
	packages := dependencies(t, "../cmd/sweep")
	const module = "github.com/vllm-sweep/sweep/"
	own := 0
	for _, p := range packages {
		if strings.HasPrefix(p, module+"sim") {
			t.Errorf("sweep links %s", p)
		}
		if strings.HasPrefix(p, module) {
			own++
		}
	}
	if own < 20 {
		t.Errorf("only %d packages of the module among %d: the list is not sweep's", own, len(packages))
	}
}

// TestSimulatorSharesNoFormula: the simulated server is what the prediction of
// memory is tested against.
func TestSimulatorSharesNoFormula(t *testing.T) {
	for _, p := range dependencies(t, "./cmd/vllm-sim") {
		if strings.HasSuffix(p, "/launcher/vllmmemory") || strings.HasSuffix(p, "/launcher/preflight") {
			t.Errorf("the simulated server links %s", p)
		}
	}
}

// dependencies are the packages that a program links.
func dependencies(t *testing.T, program string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
