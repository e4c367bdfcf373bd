package sim

import (
	"os/exec"
	"strings"
	"testing"
)

// TestSweepLinksNoFake: what sweep measures and how it judges must not come
// from what stands in for a server, a GPU or a tool.
func TestSweepLinksNoFake(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../cmd/sweep").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
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
