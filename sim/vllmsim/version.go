package vllmsim

import (
	"fmt"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// version is a vLLM release.
type version struct{ major, minor, patch int }

func parseVersion(s string) (version, error) {
	var v version
	n, _ := fmt.Sscanf(s, "%d.%d.%d", &v.major, &v.minor, &v.patch)
	if n < 2 {
		return v, fmt.Errorf("want a version such as %s, got %q", vllmflags.NewestVersion(), s)
	}
	return v, nil
}

// String is what the server calls itself: the label is the mark by which sweep
// and everybody else knows it for a simulated one.
func (v version) String() string { return fmt.Sprintf("%d.%d.%d+sim", v.major, v.minor, v.patch) }

func (v version) before(major, minor int) bool {
	return v.major < major || v.major == major && v.minor < minor
}
