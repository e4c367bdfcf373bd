package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/telemetry/facts"
)

// ancestors bounds the walk from a process to the one that was launched.
const ancestors = 64

// owner tells the processes of a server from others, by the facts of its
// launch: a process of its container's control group, or a descendant of the
// process that was started. It looks into /proc at the time of the call.
func owner(launch map[string]string) func(pid int) facts.Ownership {
	root, _ := strconv.Atoi(launch["pid"])
	container := launch["container_id"]
	if root == 0 && container == "" {
		return nil
	}
	return func(pid int) facts.Ownership {
		group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil {
			return facts.Unknown
		}
		if container != "" && strings.Contains(string(group), container) {
			return facts.Ours
		}
		for range ancestors {
			if pid == root {
				return facts.Ours
			}
			if pid = parent(pid); pid <= 1 {
				break
			}
		}
		return facts.Foreign
	}
}

// parent is the parent of a process, 0 when it cannot be read. The name in
// /proc/PID/stat may hold spaces and parentheses, so fields are counted from
// the last one.
func parent(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	i := strings.LastIndexByte(string(text), ')')
	f := strings.Fields(string(text[i+1:]))
	if len(f) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(f[1])
	return ppid
}
