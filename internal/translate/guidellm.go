package translate

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// GuideLLM reads `guidellm run` (0.7 and later) and `guidellm benchmark` (before
// it), with scenario files.
func GuideLLM(command string) (Draft, error) {
	words, err := Words(command)
	if err != nil {
		return Draft{}, err
	}
	if !strings.Contains(command, "guidellm") {
		return Draft{}, ErrNotThisTool
	}
	o, _ := readOptions(words, map[string]string{"c": "config", "l": "label"},
		"disable-console", "disable-console-interactive", "detect-saturation", "output-extras",
		"display-scheduler-stats",
		"disable-progress")
	o.ignore("output", "output-path", "output-dir", "outputs", "output-extras", "label", "disable-console",
		"disable-console-interactive", "display-scheduler-stats", "disable-progress", "processor", "tokenizer",
		"random-seed", "seed", "metrics", "sample-requests")
	g := guide{load: Load{Name: "guidellm"}}
	for _, file := range o.all("scenario", "config") {
		if err := g.scenario(file); err != nil {
			return Draft{}, err
		}
	}
	for _, p := range o.list {
		if g.option(p.name, pairs(p.value)) {
			o.taken[p.name] = true
		}
	}
	d := g.draft()
	d.Left = append(d.Left, o.left()...)
	return d, nil
}

// guide gathers what GuideLLM's options say.
type guide struct {
	target, model  string
	profile        string
	rate           []string // rates, streams or the number of points, by the profile
	limit          string
	seconds, count string
	prompt, output any
	prefix         string
	api            string
	load           Load
	left           []string
}

// setting is the value of an option: one word, or key=value pairs as in
// kind=concurrent,streams=8.
type setting struct {
	text string
	keys map[string]string
}

// pairs reads text, key=value,key=value and JSON. A part without = belongs to
// the value before it: rate=1,2,4.
func pairs(text string) setting {
	s := setting{text: text, keys: map[string]string{}}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		var object map[string]any
		if yaml.Unmarshal([]byte(text), &object) == nil {
			for k, v := range object {
				s.keys[k] = plain(v)
			}
		}
		return s
	}
	last := ""
	for _, part := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(part, "=")
		switch {
		case ok:
			last = key
			s.keys[key] = value
		case last != "":
			s.keys[last] += "," + part
		}
	}
	return s
}

// plain is a value of a scenario or of JSON as an option has it.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, plain(e))
		}
		return strings.Join(all, ",")
	case map[string]any:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return fmt.Sprint(v)
}

// option takes one option of either dialect and reports whether it knows it.
func (g *guide) option(name string, s setting) bool {
	switch name {
	case "target":
		g.target = s.text
	case "backend-type", "request-type", "request-format", "backend-kwargs", "backend-args":
		if strings.Contains(s.text, "chat") {
			g.api = "chat"
		}
	case "model":
		g.model = s.text
	case "backend":
		g.target, g.model = or(s.keys["target"], g.target), or(s.keys["model"], g.model)
		if strings.Contains(s.text, "chat") {
			g.api = "chat"
		}
	case "profile", "rate-type":
		g.setProfile(s)
	case "rate":
		g.rate = strings.Split(strings.Trim(s.text, "[]"), ",")
	case "max-seconds":
		g.seconds = s.text
	case "max-requests":
		g.count = s.text
	case "constraint":
		switch s.keys["kind"] {
		case "max_duration", "max_seconds":
			g.seconds = s.keys["seconds"]
		case "max_requests", "max_number":
			g.count = s.keys["count"]
		default:
			g.left = append(g.left, "--constraint "+s.text)
		}
	case "override":
		// --override profile.streams 1,2,4 comes as two words
		return false
	case "data":
		g.data(s)
	case "scenario", "config":
	default:
		return false
	}
	return true
}

func (g *guide) setProfile(s setting) {
	g.profile = or(s.keys["kind"], or(s.keys["type_"], s.text))
	for _, key := range []string{"rate", "streams", "sweep_size"} {
		if v := s.keys[key]; v != "" {
			g.rate = strings.Split(v, ",")
		}
	}
	g.limit = s.keys["max_concurrency"]
}

// data reads synthetic data; anything else has no place.
func (g *guide) data(s setting) {
	if s.keys["prompt_tokens"] == "" {
		g.left = append(g.left, "--data "+s.text)
		return
	}
	g.prompt, g.output = lengthsOf(s.keys, "prompt_tokens"), lengthsOf(s.keys, "output_tokens")
	g.prefix = s.keys["prefix_tokens"]
}

// lengthsOf are the lengths by GuideLLM's names: mean, _stdev, _min, _max.
func lengthsOf(keys map[string]string, name string) any {
	mean := keys[name]
	if mean == "" {
		return nil
	}
	stdev := keys[name+"_stdev"]
	if stdev == "" || stdev == "0" {
		return word(mean)
	}
	out := flow{{"mean", word(mean)}, {"stdev", word(stdev)}}
	for _, bound := range []string{"min", "max"} {
		if v := keys[name+"_"+bound]; v != "" {
			out = append(out, Field{bound, word(v)})
		}
	}
	return flow{{"normal", out}}
}

// scenario reads a scenario file: flat keys before 0.7, `spec:` since.
func (g *guide) scenario(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if config, ok := doc["config"].(map[string]any); ok { // a report
		doc = config
	}
	if spec, ok := doc["spec"].(map[string]any); ok {
		doc = spec
	}
	for key, value := range doc {
		name := strings.TrimSuffix(strings.ReplaceAll(key, "_", "-"), "s")
		if name == "max-second" || name == "max-request" {
			name += "s"
		}
		values := []any{value}
		if list, ok := value.([]any); ok && (name == "constraint" || name == "data") {
			values = list
		}
		for _, v := range values {
			g.option(name, pairs(plain(v)))
		}
	}
	return nil
}

func (g *guide) draft() Draft {
	l := g.load
	l.API = g.api
	l.Prompt, l.Output = g.prompt, g.output
	if l.Prompt == nil {
		l.Prompt, l.Output = word("256"), word("128")
	}
	if l.Output == nil {
		l.Output = word("128")
	}
	if g.prefix != "" {
		l.Prefix = Fields{{"tokens", word(g.prefix)}}
	}
	l.Arrivals = g.profile
	for _, r := range g.rate {
		l.Points = append(l.Points, word(strings.TrimSpace(r)))
	}
	switch g.profile {
	case "", "sweep":
		l.Arrivals = "sweep"
		if len(l.Points) == 0 {
			l.Points = []word{"10"}
		}
	case "async":
		l.Arrivals = "constant"
	case "concurrent":
		l.Arrivals = "concurrency"
	case "synchronous":
		l.Arrivals, l.Points = "concurrency", []word{"1"}
	case "throughput":
		if l.Points = nil; g.limit != "" {
			l.Points = []word{word(g.limit)}
		}
	}
	if l.Arrivals == "constant" || l.Arrivals == "poisson" {
		l.Cap = g.limit
	}
	if g.seconds != "" {
		l.Duration = g.seconds + "s"
	}
	l.Requests = g.count
	if l.Duration == "" && l.Requests == "" {
		l.Duration = "60s"
	}
	s := &Server{Endpoint: or(g.target, "http://127.0.0.1:8000"), Model: g.model}
	return Draft{Server: s, Loads: []Load{l}, Left: g.left}
}
