package analysis

import (
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// command is the command line that starts a configuration: vLLM's own, or for
// another make of server the one that started it here. Of an endpoint nobody
// here knows how it was started: empty.
func (a *analyser) command(conf matrix.Configuration) string {
	if a.in.Plan.Backend == "endpoint" {
		return ""
	}
	if a.in.Plan.Engine == "" {
		return say.Shell(append([]string{"vllm", "serve", a.in.Plan.Model}, conf.Flags.Args(a.in.Plan.FlagStyle)...))
	}
	for _, s := range a.in.Starts {
		if s.Configuration == conf.ID && s.Outcome == rundir.StartReady && len(s.Command) > 0 {
			return say.Shell(withoutAddress(s.Command))
		}
	}
	return ""
}

// withoutAddress leaves out the address that was chosen for the run.
func withoutAddress(words []string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		if (words[i] == "--host" || words[i] == "--port") && i+1 < len(words) {
			i++
			continue
		}
		out = append(out, words[i])
	}
	return out
}

// container is the command line that started the configuration in a container,
// as the launcher recorded it, secrets redacted; empty for other backends.
func (a *analyser) container(configuration string) string {
	for i := len(a.in.Starts) - 1; i >= 0; i-- {
		s := a.in.Starts[i]
		if s.Configuration == configuration && len(s.Command) > 0 && (s.Backend == "podman" || s.Backend == "docker") {
			return say.Shell(s.Command)
		}
	}
	return ""
}
