package launcher

import (
	"fmt"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

// Fatal reads what the server logged since the last call and returns the line
// with which its engine died, or "". The server itself may live on for a while
// then: vLLM's answers 500 and 503 for some seconds before it ends. It is for
// one goroutine.
func (s *Server) Fatal() string {
	if s.spec.LogPath == "" || s.spec.Engine == nil || len(s.spec.Engine.Fatal) == 0 {
		return ""
	}
	if s.tail == nil {
		s.tail = serverlog.NewTail(s.spec.LogPath)
	}
	found := ""
	_ = s.tail.Lines(func(line string) { // a log that cannot be read tells nothing
		for _, fragment := range s.spec.Engine.Fatal {
			if found == "" && strings.Contains(line, fragment) {
				found = s.spec.Engine.parse(line).Text
			}
		}
	})
	return found
}

// Diagnose explains why a server that still runs is not measured any longer:
// what was seen, with the root cause from its log where that has one.
func (s *Server) Diagnose(class Class, what string) Diagnosis {
	c := readCauses(s.spec)
	d := c.diagnosis()
	d.Class = class
	if d.Cause != "" {
		what = fmt.Sprintf("%s: %s", what, d.Cause)
	}
	d.Cause = what
	if d.Remedy == "" {
		d.Remedy = "read the server's log: server.log in the start's folder of the run directory"
	}
	if c.hint != "" {
		d.Remedy = c.hint
	}
	return d
}
