package translate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// VLLMServe reads a command that starts a server as a process: `vllm serve
// MODEL --flag …`, or Python's module of older releases.
func VLLMServe(command string) (Draft, error) {
	words, err := Words(command)
	if err != nil {
		return Draft{}, err
	}
	var env []assignment
	for len(words) > 0 && isAssignment(words[0]) {
		name, value, _ := strings.Cut(words[0], "=")
		env, words = append(env, assignment{name, value}), words[1:]
	}
	executable, rest := splitCommand(words)
	if len(executable) == 0 {
		return Draft{}, ErrNoServer
	}
	s := Server{Backend: "process", Engine: engineOf(strings.Join(executable, " "))}
	s.Fields.Add("command", executable)
	var d Draft
	s.read(rest, &d)
	if s.Model == "" {
		s.Fields.Add("model", "none")
	}
	s.Fields.Add("env", environment(env))
	d.Server = &s
	return d, nil
}

// splitCommand cuts a server's command line into what starts it and its own
// arguments: [vllm serve] and the rest, [python3 -m vllm.entrypoints…] and the
// rest. Without a known program, everything up to the first flag starts it.
func splitCommand(words []string) (executable, rest []string) {
	for i, w := range words {
		switch {
		case w == "serve" && (i == 0 || program(words[i-1]) == "vllm"):
			return words[:i+1], words[i+1:]
		case w == "-m" && i+1 < len(words):
			return words[:i+2], words[i+2:]
		case program(w) == "llama-server" || program(w) == "trtllm-serve":
			return words[:i+1], words[i+1:]
		}
	}
	end := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") })
	if end < 0 {
		end = len(words)
	}
	return words[:end], words[end:]
}

// engineOf is the engine that an image or a command names; "" for vLLM.
func engineOf(text string) string {
	switch {
	case strings.Contains(text, "sglang"):
		return "sglang"
	case strings.Contains(text, "llama.cpp"), strings.Contains(text, "llama-server"):
		return "llama.cpp"
	}
	return ""
}

// ours are flags that sweep sets itself for each launch.
var ours = []string{"host", "port", "uds"}

// read takes the arguments of a server: its model and the flags of the
// baseline. The model may stand before, between or behind the flags.
func (s *Server) read(words []string, d *Draft) {
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		if !strings.HasPrefix(w, "-") || w == "-" {
			if s.Model == "" {
				s.Model = w
			} else {
				d.Left = append(d.Left, w)
			}
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !strings.HasPrefix(w, "--") {
			if long, ok := vllmflags.Long(name); ok {
				name = long
			}
		}
		name = strings.ReplaceAll(name, "_", "-")
		flag, known := vllmflags.Find(name)
		var values []string
		switch {
		case given:
			values = []string{value}
		case known && flag.Kind == vllmflags.Bool, strings.HasPrefix(name, "no-"):
		default:
			n := valuesBehind(words, known && flag.Words == vllmflags.Many)
			values, words = words[:n], words[n:]
		}
		s.add(name, values)
	}
}

// valuesBehind counts the words up to the next flag; one at most, unless the
// flag takes several. A negative number is a value.
func valuesBehind(words []string, many bool) int {
	n := 0
	for n < len(words) && (many || n == 0) {
		w := words[n]
		if _, err := strconv.ParseFloat(w, 64); strings.HasPrefix(w, "-") && err != nil {
			break
		}
		n++
	}
	return n
}

func (s *Server) add(name string, values []string) {
	switch {
	case slices.Contains(ours, name):
	case name == "model" && len(values) == 1:
		s.Model = values[0]
	case name == "model-path" && s.Engine == "sglang" && len(values) == 1:
		s.Model = values[0]
	case len(values) == 0 && strings.HasPrefix(name, "no-"):
		s.Flags = append(s.Flags, Field{strings.TrimPrefix(name, "no-"), false})
	case len(values) == 0:
		s.Flags = append(s.Flags, Field{name, true})
	case len(values) > 1:
		s.Flags = append(s.Flags, Field{name, values})
	default:
		s.Flags = append(s.Flags, Field{name, scalar(values[0])})
	}
}

// scalar is a word of a command line as the YAML value that gives the same word
// again: numbers and true stay as they are written, text that YAML would read
// as something else is quoted.
func scalar(text string) any {
	if _, err := strconv.ParseFloat(text, 64); err == nil && !strings.HasPrefix(text, "+") {
		return word(text)
	}
	return text
}
