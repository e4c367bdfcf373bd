package vllm

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
)

// What is said of the cores that vLLM's threads are bound to, and how one of
// them is left to the client.
func TestSpareCore(t *testing.T) {
	const set, leave = "Set VLLM_CPU_OMP_THREADS_BIND=", " in the server's environment to leave core "
	for name, c := range map[string]struct {
		bound        launcher.Cores
		usable       []int
		text, remedy string
	}{
		"all": {"0-1", []int{0, 1}, "vLLM binds its threads to cores 0-1, which are all",
			set + "0" + leave + "1 to the load generator."},
		"a core is left": {"0-2", []int{0, 1, 2, 3},
			"vLLM binds its threads to cores 0-2 and leaves core 3 to the load generator.", ""},
		"not told": {"", []int{0, 1, 2, 3}, "vLLM's log does not say", set + "0-2" + leave + "3 to"},
		"two workers": {"0-3|4-7", []int{0, 1, 2, 3, 4, 5, 6, 7}, "vLLM binds its threads to cores 0-7",
			set + "0-3|4-6" + leave + "7 to"},
		"a core per worker": {"0|1", []int{0, 1}, "vLLM binds its threads to cores 0-1", ""},
		"the last has one core": {"0,2|1", []int{0, 1, 2}, "vLLM binds its threads to cores 0-2",
			set + "0|1" + leave + "2 to"},
		"the client is pinned": {"0-3", []int{1}, "vLLM binds its threads to cores 0-3",
			set + "0,2-3" + leave + "1 to"},
		"one core":           {"0", []int{0}, "vLLM binds its threads to core 0, which are all", ""},
		"one core, not told": {"", []int{0}, "", ""},
	} {
		said := spareCore(c.bound, c.usable)
		text, remedy := strings.Join(notice.Texts(said), ""), strings.Join(notice.Remedies(said), "")
		if !strings.HasPrefix(text, c.text) || !strings.HasPrefix(remedy, c.remedy) ||
			(c.text == "") != (text == "") || (c.remedy == "") != (remedy == "") {
			t.Errorf("%s: %q: %q, want %q: %q", name, text, remedy, c.text, c.remedy)
		}
	}
}
