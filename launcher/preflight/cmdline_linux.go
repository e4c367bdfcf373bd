package preflight

import (
	"fmt"
	"os"
	"strings"
)

// commandLine is that of a process; nil where it cannot be read.
func commandLine(pid int) []string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(raw), func(r rune) bool { return r == 0 || r == ' ' })
}
