// Package translate makes experiment files out of commands of other tools:
// `docker run` and `podman run`, a service of a compose file, `vllm serve`,
// GuideLLM's and vLLM's benchmarks. One command says what the server is, another
// what the load is; what has no place in an experiment file is listed, so that
// nothing is lost silently.
package translate

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	"mvdan.cc/sh/v3/shell"
)

// Draft is an experiment in the making. Parts that no command gave are nil or
// empty, and Write fills them with what an experiment starts with.
type Draft struct {
	// Server is the section of that name: the container, process or endpoint,
	// the model, and the flags of the baseline.
	Server *Server
	// Loads are those of a benchmark's command, in its order.
	Loads []Load
	// SLO are limits by metric, such as ttft_p99: 500ms.
	SLO Fields
	// Left are options, as they were written, without a place in the file.
	Left []string
}

// Merge takes from b what d lacks: the server of one command and the loads of
// another make one experiment. A server that is launched wins over an endpoint.
func (d *Draft) Merge(b Draft) {
	if d.Server == nil || d.Server.Endpoint != "" && b.Server != nil && b.Server.Endpoint == "" {
		d.Server, b.Server = b.Server, d.Server
	}
	if b.Server != nil && d.Server.Model == "" {
		d.Server.Model = b.Server.Model
	}
	d.Loads = append(d.Loads, b.Loads...)
	d.SLO = append(d.SLO, b.SLO...)
	d.Left = append(d.Left, b.Left...)
}

// Server is the server section of a draft.
type Server struct {
	Engine   string // "" for vLLM
	Model    string
	Flags    Fields // of the baseline
	Backend  string // podman, docker or process
	Fields   Fields // of that backend
	Endpoint string // address of a running server; the others are empty then
}

// Field is one field of a section; its value is what YAML can say, or Fields.
type Field struct {
	Name  string
	Value any
}

// Fields is a section: its fields in their order.
type Fields []Field

// Add appends a field, unless its value says nothing.
func (f *Fields) Add(name string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case int:
		if v == 0 {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	case Fields:
		if len(v) == 0 {
			return
		}
	case flow:
		if len(v) == 0 {
			return
		}
	}
	*f = append(*f, Field{name, value})
}

// Get returns the value of a field.
func (f Fields) Get(name string) (any, bool) {
	if i := slices.IndexFunc(f, func(g Field) bool { return g.Name == name }); i >= 0 {
		return f[i].Value, true
	}
	return nil, false
}

// node is the section in YAML's block style; short values are in flow style, as
// people write them.
func (f Fields) node() (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, g := range f {
		value, err := node(g.Value)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: g.Name}, value)
	}
	return out, nil
}

func node(value any) (*yaml.Node, error) {
	switch v := value.(type) {
	case Fields:
		return v.node()
	case flow:
		n, err := Fields(v).node()
		if err == nil {
			n.Style = yaml.FlowStyle
		}
		return n, err
	case word:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: string(v)}, nil
	case []word:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, w := range v {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: string(w)})
		}
		return n, nil
	}
	n := new(yaml.Node)
	if err := n.Encode(value); err != nil {
		return nil, err
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) <= 8 && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool {
		return len(c.Value) > 40
	}) {
		n.Style = yaml.FlowStyle
	}
	return n, nil
}

// flow is a section on one line: {mean: 200, stdev: 50}.
type flow Fields

// word is a value as YAML reads it: a number stays a number.
type word string

// Write is the experiment file of the draft, complete and ready to be read by
// the experiment package. name is a usable name of an experiment.
func (d Draft) Write(name, heading string) ([]byte, error) {
	s := d.Server
	if s == nil {
		s = &Server{Endpoint: "http://127.0.0.1:8000"}
	}
	root := Fields{{"version", 1}, {"name", name}, {"server", s.section()}}
	if s.Endpoint == "" && s.Engine == "" {
		root.Add("matrix", Fields{{"strategy", "one-at-a-time"}, {"parameters", s.parameters()}})
	}
	loads := d.Loads
	if len(loads) == 0 {
		loads = []Load{{Name: "chat", Prompt: word("200"), Output: word("100"), Arrivals: "concurrency",
			Points: []word{"1", "4", "16", "64"}, Duration: "60s"}}
	}
	section := Fields{}
	for _, l := range loads {
		section.Add(l.Name, l.section())
	}
	root.Add("loads", section)
	root.Add("trials", flow{{"repeat", 3}, {"warmup", "10s"}, {"seed", 1}})
	root.Add("slo", flow(d.SLO))
	root.Add("use_cases", Fields{
		{"throughput", flow{{"maximize", "output_throughput"}, {"load", loads[0].Name}}},
		{"latency", flow{{"minimize", "ttft_p95"}, {"load", loads[0].Name}}},
	})
	n, err := root.node()
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	enc := yaml.NewEncoder(&body)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, line := range strings.Split(strings.TrimSuffix(heading, "\n"), "\n") {
		fmt.Fprintln(&out, strings.TrimRight("# "+line, " "))
	}
	for i, line := range strings.SplitAfter(body.String(), "\n") {
		if i > 1 && line != "" && line[0] != ' ' && line[0] != '#' {
			out.WriteByte('\n')
		}
		out.WriteString(line)
	}
	return out.Bytes(), nil
}

func (s Server) section() Fields {
	var out Fields
	if s.Endpoint != "" {
		out.Add("endpoint", s.Endpoint)
		return out
	}
	out.Add("engine", s.Engine)
	out.Add("model", s.Model)
	out.Add("flags", s.Flags)
	out.Add(s.Backend, s.Fields)
	return out
}

// parameters are values around the baseline's of the two flags that every vLLM
// server has and that most experiments vary.
func (s Server) parameters() Fields {
	return Fields{
		{"max-num-seqs", []int{64, 256, 1024}},
		{"gpu-memory-utilization", []float64{0.85, 0.9, 0.95}},
	}
}

// Load is one load of a draft.
type Load struct {
	Name           string
	API            string // chat, or "" for completions
	Prompt, Output any    // word or flow
	Arrivals       string // constant, poisson, gamma, concurrency, throughput or sweep
	Points         []word
	Burstiness     word // of gamma
	Cap            string
	Duration       string
	Requests       string
	EOS            bool // answers may end early
	Dataset        Fields
	Prefix         Fields
}

func (l Load) section() Fields {
	var out Fields
	out.Add("api", l.API)
	if l.Prompt != nil {
		out.Add("prompt_tokens", l.Prompt)
	}
	if l.Output != nil {
		out.Add("output_tokens", l.Output)
	}
	var points any = l.Points
	switch {
	case l.Arrivals == "sweep" || len(l.Points) == 1:
		points = l.Points[0]
	case len(l.Points) == 0:
		points = flow{}
	}
	arrivals := flow{{l.Arrivals, points}}
	if l.Arrivals == "gamma" {
		arrivals = flow{{"gamma", flow{{"rate", points}, {"burstiness", l.Burstiness}}}}
	}
	if l.Cap != "" {
		arrivals = append(arrivals, Field{"max_concurrency", word(l.Cap)})
	}
	out.Add("arrivals", arrivals)
	out.Add("duration", l.Duration)
	if l.Requests != "" {
		out.Add("requests", word(l.Requests))
	}
	if l.EOS {
		out.Add("ignore_eos", false)
	}
	out.Add("prefix", l.Prefix)
	out.Add("dataset", l.Dataset)
	return out
}

// Words splits a command as a shell would; $NAME and ~ stay as they are, because
// the experiment file reads the environment itself. Backslashes at line ends are
// understood. The error says what the shell would not take.
func Words(command string) ([]string, error) {
	words, err := shell.Fields(command, func(name string) string {
		switch name {
		case "HOME":
			return "~"
		case "IFS": // of the shell itself
			return ""
		}
		return "${" + name + "}"
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(words, func(w string) bool { return strings.TrimSpace(w) == "" }), nil
}

// program is the name of an executable without its folder.
func program(word string) string { return path.Base(word) }
