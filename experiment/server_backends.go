package experiment

import (
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// words is a list of command-line words.
func words() value[[]string] {
	return listOf(scalarText("text"), "a list of words such as [vllm, serve]", false)
}

// image is a fully qualified image reference.
func image() value[string] {
	v := text("an image such as docker.io/vllm/vllm-openai:v0.27.1")
	return value[string]{schema: v.schema, read: func(d *decoder, path string, e entry) (string, bool) {
		ref, ok := v.read(d, path, e)
		if !ok {
			return "", false
		}
		registry, rest, slash := strings.Cut(ref, "/")
		if !slash || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
			d.fail("image-without-registry", e.place(), args{"path": path, "image": ref})
			return "", false
		}
		last := rest[strings.LastIndex(rest, "/")+1:]
		if _, tag, tagged := strings.Cut(last, ":"); !strings.Contains(last, "@") && (!tagged || tag == "latest") {
			d.warn("image-without-version", e.place(), args{"image": ref})
		}
		return ref, true
	}}
}

// gpus is all, none, an index or a list of indices.
func gpus() value[string] {
	one := scalarText("all, none or indices such as 0,1")
	several := listOf(scalarText("an index"), "all, none or indices such as 0,1", true)
	return value[string]{schema: anyOf(one.schema, arrayOf(number("integer", 0, false))), read: func(d *decoder, path string, e entry) (string, bool) {
		parts, ok := several.read(d, path, e)
		if !ok {
			return "", false
		}
		joined := strings.ReplaceAll(strings.Join(parts, ","), " ", "")
		if !gpuList.MatchString(joined) {
			d.expect("wrong-value", path, e, "all, none or indices such as 0,1")
			return "", false
		}
		return joined, true
	}}
}

// volume is host:container[:options] with ~ expanded.
func volume() value[string] {
	v := text("a mount such as ~/models:/models:ro")
	return value[string]{schema: v.schema, read: func(d *decoder, path string, e entry) (string, bool) {
		got, ok := v.read(d, path, e)
		if !ok {
			return "", false
		}
		parts := strings.Split(got, ":")
		if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !strings.HasPrefix(parts[1], "/") {
			d.expect("wrong-value", path, e, "a mount such as ~/models:/models:ro")
			return "", false
		}
		if parts[0] == "~" || strings.HasPrefix(parts[0], "~/") {
			home, err := os.UserHomeDir()
			if err != nil {
				d.fail("home-unknown", e.place(), args{"path": path, "error": err})
				return "", false
			}
			got = filepath.Join(home, parts[0][1:]) + got[len(parts[0]):]
		}
		return got, true
	}}
}

// Ways of passing the model to the server's command.
const (
	ModelFlag, ModelPositional, ModelNone = "flag", "positional", "none"
)

func processSection() section[Process] {
	return section[Process]{
		initial: Process{ModelArg: ModelFlag},
		fields: []field[Process]{
			must(bind("command", "Command to run: [vllm, serve]. sweep appends the model and the flags.", words(),
				func(p *Process) *[]string { return &p.Command })),
			bind("model", "How to pass the model: flag (default; --model NAME), positional (NAME) or none.",
				word(ModelFlag, ModelPositional, ModelNone), func(p *Process) *string { return &p.ModelArg }),
			bind("env", "Variables to add to sweep's own environment. Pass secrets by reference: {from_env: NAME} or {from_file: PATH}.", environment(),
				func(p *Process) *[]EnvVar { return &p.Env }),
			bind("dir", "Working directory of the process.", text("a directory"), func(p *Process) *string { return &p.Dir }),
		},
		check: func(d *decoder, path string, e entry, p *Process) {
			if command, given := e.value.get("command"); given && command.value.kind == listNode && len(command.value.items) == 0 {
				d.fail("command-empty", command.place(), args{"path": join(path, "command")})
			}
		},
	}
}

// endpoint is a URL, or a mapping with one.
func endpoint() value[*Endpoint] {
	full := section[Endpoint]{fields: []field[Endpoint]{
		must(bind("url", "Base URL without /v1, such as http://127.0.0.1:8000.", baseURL(), func(p *Endpoint) *string { return &p.URL })),
		bind("tls", "Certificates of an https server and of the client.", tlsSection().value(), func(p *Endpoint) *TLS { return &p.TLS }),
	}}
	return value[*Endpoint]{schema: anyOf(baseURL().schema, full.schema()), read: func(d *decoder, path string, e entry) (*Endpoint, bool) {
		if e.value.scalar() {
			u, ok := baseURL().read(d, path, e)
			return &Endpoint{URL: u}, ok
		}
		got, ok := full.decode(d, path, e)
		return &got, ok
	}}
}

func baseURL() value[string] {
	const want = "a URL such as http://127.0.0.1:8000"
	v := text(want)
	return value[string]{schema: pattern("^https?://.+"), read: func(d *decoder, path string, e entry) (string, bool) {
		got, ok := v.read(d, path, e)
		if !ok {
			return "", false
		}
		u, err := url.Parse(got)
		if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" {
			d.expect("wrong-value", path, e, want)
			return "", false
		}
		if u.RawQuery != "" || u.Fragment != "" {
			d.fail("url-not-base", e.place(), args{"path": path})
			return "", false
		}
		if u.User != nil {
			d.fail("url-with-credentials", e.place(), args{"path": path, "field": "server.api_key", "reference": byName})
			return "", false
		}
		got = strings.TrimRight(got, "/")
		if base, v1 := strings.CutSuffix(got, "/v1"); v1 {
			d.fail("url-with-v1", e.place(), args{"path": path, "near": base})
			return "", false
		}
		return got, true
	}}
}

func simulatedSection() section[Simulated] {
	return section[Simulated]{
		initial: Simulated{GPU: DefaultSimulatedGPU, GPUs: DefaultSimulatedGPUs, Speedup: DefaultSimulatedSpeedup},
		fields: []field[Simulated]{
			bind("gpu", "GPU to simulate. Default: H100.", text("the name of a GPU"), func(s *Simulated) *string { return &s.GPU }),
			bind("gpus", "Number of GPUs. Default: 1.", whole(1, math.MaxInt32), func(s *Simulated) *int { return &s.GPUs }),
			bind("speedup", "Simulated seconds per real second. Default: 1.", realNumber(0, true), func(s *Simulated) *float64 { return &s.Speedup }),
			bind("args", "More arguments for `vllm-sim serve`, passed as written.", words(), func(s *Simulated) *[]string { return &s.Args }),
		},
	}
}
