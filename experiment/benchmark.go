package experiment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Tools that make load.
const (
	ToolNative   = "native"   // our own generator (default)
	ToolGuideLLM = "guidellm" // GuideLLM 0.2 and later
	ToolVLLM     = "vllm"     // vllm bench serve
	ToolAIPerf   = "aiperf"   // AIPerf 0.13 and later
)

// ImageServed stands for the image of the server itself.
const ImageServed = "served"

// Benchmark says which tool makes the load, and how it is started.
type Benchmark struct {
	Tool string
	// Command is the executable with its first arguments; default: guidellm,
	// vllm or aiperf, found on PATH, or what the image begins with.
	Command []string
	// Image runs the tool in a container of its own beside the server, by
	// podman; ImageServed is the image that the server runs in.
	Image string
	// Volumes of that container, "host:container[:options]".
	Volumes []string
	// Tokenizer is what the tool counts tokens with: a model ID or a path;
	// default: the model.
	Tokenizer string
	Args      []string // further arguments, passed as they are
	// TimeLimit ends a tool that hangs, in wall-clock time; 0: by the load.
	TimeLimit time.Duration
}

// Foreign reports whether another tool makes the load.
func (b *Benchmark) Foreign() bool {
	return b != nil && slices.Contains([]string{ToolGuideLLM, ToolVLLM, ToolAIPerf}, b.Tool)
}

// benchmark is the name of a tool, or a mapping with it.
func benchmark() value[*Benchmark] {
	tool := word(ToolNative, ToolGuideLLM, ToolVLLM, ToolAIPerf)
	s := section[Benchmark]{
		fields: []field[Benchmark]{
			must(bind("tool", "native (default), guidellm, vllm (vllm bench serve) or aiperf.", tool, func(b *Benchmark) *string { return &b.Tool })),
			bind("command", "Executable with its first arguments. Default: guidellm, vllm or aiperf on PATH, or the image's entry point.", words(), func(b *Benchmark) *[]string { return &b.Command }),
			bind("image", "Container image to run the tool from, with podman. served: the server's own image.", text("an image"), func(b *Benchmark) *string { return &b.Image }),
			bind("volumes", "Mounts of that container: host:container[:options].", words(), func(b *Benchmark) *[]string { return &b.Volumes }),
			bind("tokenizer", "Tokenizer, as a model ID or path. Default: the model.", text("a model or a path"), func(b *Benchmark) *string { return &b.Tokenizer }),
			bind("args", "More arguments, passed as written.", words(), func(b *Benchmark) *[]string { return &b.Args }),
			bind("time_limit", "Longest time for one run of the tool. Default: twice the load plus 10m.", duration(time.Nanosecond), func(b *Benchmark) *time.Duration { return &b.TimeLimit }),
		},
		check: func(d *decoder, path string, e entry, b *Benchmark) {
			if b.Image == "" && len(b.Volumes) > 0 {
				at, _ := e.value.get("volumes")
				d.fail("volumes-without-image", at.key.at, args{"path": path})
			}
			if b.Tool == ToolNative && (b.Image != "" || len(b.Command) > 0 || len(b.Args) > 0) {
				d.fail("native-with-program", e.keyPlace(), args{"path": path})
			}
		},
	}
	return value[*Benchmark]{schema: anyOf(tool.schema, s.schema()), read: func(d *decoder, path string, e entry) (*Benchmark, bool) {
		if e.value.scalar() {
			name, ok := tool.read(d, path, e)
			return &Benchmark{Tool: name}, ok
		}
		b, ok := s.decode(d, path, e)
		return &b, ok
	}}
}

// resolveBenchmarks gives every load the tool of the file unless it names its
// own, and refuses loads that their tool cannot make.
func (d *decoder) resolveBenchmarks(root entry, e *Experiment) {
	loads, _ := root.value.get("loads")
	if loads.value == nil {
		return
	}
	for i := range e.Loads {
		l := &e.Loads[i]
		at, ok := loads.value.get(l.Name)
		if !ok {
			continue
		}
		if l.Benchmark == nil {
			l.Benchmark = e.Benchmark
		}
		if !l.Benchmark.Foreign() {
			continue
		}
		if l.Benchmark.Image == ImageServed && e.Server.Podman == nil {
			d.fail("served-image-missing", at.keyPlace(), args{"path": join("loads", l.Name)})
		}
		d.checkTranslation(at, l)
	}
}

// checkTranslation reports what the tool of a load cannot be told.
func (d *decoder) checkTranslation(at entry, l *Load) {
	path := join("loads", l.Name)
	name := toolTitle(l.Benchmark.Tool)
	place := func(field string) Range {
		if f, ok := at.value.get(field); ok {
			return f.keyPlace()
		}
		return at.keyPlace()
	}
	for _, f := range []struct {
		field string
		given bool
	}{
		{"prefix", l.Prefix != Prefix{}}, {"dataset", l.Dataset != nil}, {"sessions", l.Sessions != nil}, {"headers", len(l.Headers) > 0},
		{"body", l.Body != ""}, {"min_tokens", l.MinTokens > 0}, {"max_tokens", l.MaxTokens > 0}, {"stop_when_saturated", l.StopWhenSaturated},
	} {
		if f.given {
			d.fail("tool-lacks-feature", place(f.field), args{"path": path, "tool": name, "what": f.field})
		}
	}
	if !l.IgnoreEOS {
		d.fail("tool-exact-lengths", place("ignore_eos"), args{"path": path, "tool": name})
	}
	kinds := []ArrivalKind{Constant, Poisson, Concurrency, Throughput, Sweep}
	lengths := []LengthKind{Fixed, Normal, Uniform}
	switch l.Benchmark.Tool {
	case ToolVLLM:
		kinds, lengths = append(kinds, Gamma), []LengthKind{Fixed}
	case ToolAIPerf:
		kinds, lengths = append(kinds, Gamma), []LengthKind{Fixed, Normal}
	}
	if k := l.Arrivals.Kind; k != "" && !slices.Contains(kinds, k) {
		d.fail("tool-lacks-form", place("arrivals"), args{
			"path": path, "tool": name, "what": fmt.Sprintf("arrivals %q", k), "supported": notice.Choice(kindNames(kinds)...),
		})
	}
	for field, length := range map[string]Lengths{"prompt_tokens": l.Prompt, "output_tokens": l.Output} {
		if length.Kind != "" && !slices.Contains(lengths, length.Kind) {
			d.fail("tool-lacks-form", place(field), args{
				"path": path, "tool": name, "what": string(length.Kind) + " lengths", "supported": lengthNames(lengths),
			})
		}
	}
	closed := l.Arrivals.Kind == Concurrency || l.Arrivals.Kind == Throughput || l.Arrivals.Kind == Sweep
	if l.Benchmark.Tool == ToolVLLM && closed && (l.Requests == 0 || l.Duration > 0) {
		d.fail("tool-ends-by-requests", place("duration"), args{"path": path, "tool": name})
	}
	if t, ok := at.value.get("timeout"); ok && l.Benchmark.Tool == ToolVLLM {
		d.warn("tool-without-timeout", t.key.at, args{"path": path, "tool": name})
	}
}

func toolTitle(tool string) string {
	switch tool {
	case ToolVLLM:
		return "vllm bench serve"
	case ToolAIPerf:
		return "AIPerf"
	default:
		return "GuideLLM"
	}
}

func kindNames(kinds []ArrivalKind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return out
}

func lengthNames(kinds []LengthKind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ") + " lengths"
}
