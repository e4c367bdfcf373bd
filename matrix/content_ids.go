package matrix

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
)

// IDs are hashes of content: the same configuration or load has the same ID
// in every run, whatever stands around it in the file. A hash is SHA-256 over
// JSON with fixed fields; what is sorted here does not depend on file order.

// digest hashes content under a label that keeps kinds of content apart.
func digest(kind string, content ...any) [sha256.Size]byte {
	data, err := json.Marshal(append([]any{kind}, content...))
	if err != nil {
		// Only functions, channels and infinities cannot be marshalled; none
		// reaches this package from a decoded file.
		panic(fmt.Sprintf("marshal the content of an ID: %v", err))
	}
	return sha256.Sum256(data)
}

func shortID(prefix string, sum [sha256.Size]byte) string {
	return prefix + "-" + hex.EncodeToString(sum[:4])
}

// flagsKey identifies a set of flags: sorted by name, without those that are
// unset, values without insignificant zeros.
func flagsKey(flags experiment.Flags) string {
	sum := digest("flags", sortedFlags(flags))
	return string(sum[:])
}

func sortedFlags(flags experiment.Flags) [][3]string {
	out := [][3]string{}
	for _, f := range flags {
		if f.Kind != experiment.FlagUnset {
			out = append(out, [3]string{f.Name, string(f.Kind), f.Canonical()})
		}
	}
	slices.SortFunc(out, func(a, b [3]string) int { return cmp.Compare(a[0], b[0]) })
	return out
}

func configurationID(e *experiment.Experiment, flags experiment.Flags) string {
	return shortID("c", digest("configuration", e.Server.Model, backendIdentity(e.Server), sortedFlags(flags)))
}

// backendIdentity is what decides which server runs, apart from model and
// flags. Mounts, ports and users do not; variables do, by value or, where
// they hold secrets, by the name that they come from.
func backendIdentity(s experiment.Server) []any {
	switch {
	case s.Container() != nil:
		c := s.Container()
		out := []any{s.Backend(), c.Image, words(c.Command), c.GPUs, variables(c.Env)}
		if c.Memory > 0 || c.CPUs > 0 || c.CPUSet != "" { // resources bound what the server can do
			out = append(out, c.Memory, c.CPUs, c.CPUSet)
		}
		if c.ModelArg != "" && c.ModelArg != experiment.ModelFlag { // the default changes no ID
			out = append(out, c.ModelArg)
		}
		return out
	case s.Process != nil:
		return []any{"process", words(s.Process.Command), s.Process.ModelArg, variables(s.Process.Env)}
	case s.Endpoint != nil:
		return []any{"endpoint", s.Endpoint.URL}
	case s.Simulated != nil:
		return []any{"simulated", s.Simulated.GPU, s.Simulated.GPUs, s.Simulated.Speedup, words(s.Simulated.Args)}
	default:
		return []any{"none"}
	}
}

// words makes nil and empty lists alike.
func words(list []string) []string { return append([]string{}, list...) }

func variables(env []experiment.EnvVar) [][3]string {
	out := [][3]string{}
	for _, v := range env {
		from := v.FromEnv
		if v.FromFile != "" {
			from = "file " + v.FromFile
		}
		out = append(out, [3]string{v.Name, v.Value, from})
	}
	slices.SortFunc(out, func(a, b [3]string) int { return cmp.Compare(a[0], b[0]) })
	return out
}

// loadPointID hashes all that decides which requests are sent. index and
// count place the point of a sweep.
func loadPointID(l experiment.Load, value float64, index int) string {
	content := []any{
		l.Name, l.API, lengthsIdentity(l.Prompt), lengthsIdentity(l.Output),
		l.Arrivals.Kind, value, index, l.Arrivals.SweepPoints, l.Arrivals.MaxConcurrency,
		l.Duration, l.Requests, l.Timeout, l.IgnoreEOS,
	}
	return shortID("l", digest("load point", append(content, moreIdentity(l)...)...))
}

// moreIdentity is what a plain load does not have; nothing for one, so that its
// ID does not depend on what else a load can have.
func moreIdentity(l experiment.Load) []any {
	var out []any
	add := func(name string, is bool, content ...any) {
		if is {
			out = append(out, append([]any{name}, content...))
		}
	}
	a := l.Arrivals
	add("gamma", a.Burstiness > 0, a.Burstiness)
	add("ramp", a.From > 0, a.From)
	if t := a.Trace; t != nil {
		add("trace", true, t.Format, t.Digest)
	}
	add("bounds", l.MinTokens > 0 || l.MaxTokens > 0, l.MinTokens, l.MaxTokens)
	add("prefix", l.Prefix != experiment.Prefix{}, l.Prefix.Tokens, l.Prefix.Ratio, l.Prefix.Count)
	if s := l.Dataset; s != nil {
		add("dataset", true, s.Format, s.Digest, s.Salt)
	}
	if s := l.Sessions; s != nil {
		t := s.Think
		add("sessions", true, lengthsIdentity(s.Turns), lengthsIdentity(s.FollowUp), t.Kind, t.Mean, t.Stdev, t.Min, t.Max)
	}
	for _, h := range l.Headers { // by the name of the variable or file, never by its value
		add("header", true, h.Name, h.Value, h.FromEnv, h.FromFile)
	}
	add("body", l.Body != "", l.Body)
	if b := l.Benchmark; b.Foreign() {
		add("benchmark", true, b.Tool, words(b.Command), b.Image, words(b.Args))
	}
	return out
}

// lengthsIdentity names an empirical file by its content, not by its path.
func lengthsIdentity(l experiment.Lengths) []any {
	if l.Kind == experiment.Empirical {
		return []any{l.Kind, l.Digest, l.Column, l.Min, l.Max}
	}
	return []any{l.Kind, l.Mean, l.Stdev, l.Min, l.Max}
}

func cellID(configuration, loadPoint string) string {
	return shortID("x", digest("cell", configuration, loadPoint))
}

// number is the first word of a digest, for seeds.
func number(kind string, content ...any) uint64 {
	sum := digest(kind, content...)
	return binary.BigEndian.Uint64(sum[:8])
}
