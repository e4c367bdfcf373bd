package launcher

import (
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
		s.tail = serverlog.NewTailAt(s.spec.LogPath, s.logAtReady)
	}
	found := ""
	_ = s.tail.Lines(func(line string) { // a log that cannot be read tells nothing
		for _, fragment := range s.spec.Engine.Fatal {
			if found == "" && strings.Contains(line, fragment) {
				found = parseLine(line).text
			}
		}
	})
	return found
}
