package importer

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/vllm-sweep/sweep/experiment"
)

// manifest is what a Kubernetes Deployment says of the server.
type manifest struct {
	flags      experiment.Flags
	image      string
	model, gpu string
	gpus       int
}

// readManifest reads the first Deployment with a container that runs vLLM; nil:
// there is none in the file.
func readManifest(path string) (*manifest, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var d struct {
			Kind string `yaml:"kind"`
			Spec struct {
				Template struct {
					Spec struct {
						Containers   []container       `yaml:"containers"`
						NodeSelector map[string]string `yaml:"nodeSelector"`
					} `yaml:"spec"`
				} `yaml:"template"`
			} `yaml:"spec"`
		}
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if d.Kind != "Deployment" && d.Kind != "StatefulSet" {
			continue
		}
		for _, c := range d.Spec.Template.Spec.Containers {
			if m := c.manifest(); m != nil {
				m.gpu = d.Spec.Template.Spec.NodeSelector["cloud.google.com/gke-accelerator"]
				return m, nil
			}
		}
	}
}

type container struct {
	Image   string   `yaml:"image"`
	Command []string `yaml:"command"`
	Args    []string `yaml:"args"`
	Env     []struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	} `yaml:"env"`
	Resources struct {
		Limits map[string]yaml.Node `yaml:"limits"`
	} `yaml:"resources"`
}

func (c container) manifest() *manifest {
	words := append(append([]string{}, c.Command...), c.Args...)
	if !strings.Contains(c.Image, "vllm") && !strings.Contains(strings.Join(words, " "), "vllm") {
		return nil
	}
	m := &manifest{image: c.Image}
	for _, f := range commandFlags(c.Args) {
		if f.Name != "model" {
			m.flags = append(m.flags, f)
			continue
		}
		m.model = f.Value
		for _, e := range c.Env {
			m.model = strings.ReplaceAll(m.model, "$("+e.Name+")", e.Value)
		}
	}
	if n, ok := c.Resources.Limits["nvidia.com/gpu"]; ok && digits(n.Value) {
		m.gpus = atoi(n.Value)
	}
	return m
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// commandFlags reads server flags off a command line: --name=value, --name
// value, --name and --no-name; several words may stand in one argument.
func commandFlags(args []string) experiment.Flags {
	var words []string
	for _, a := range args {
		if strings.HasPrefix(a, "-") && !strings.Contains(a, "{") {
			words = append(words, strings.Fields(a)...)
		} else {
			words = append(words, a)
		}
	}
	var out experiment.Flags
	for i := 0; i < len(words); i++ {
		name, value, inline := strings.Cut(words[i], "=")
		if !strings.HasPrefix(name, "--") {
			continue
		}
		f := experiment.Flag{Name: flagName(name), Value: value}
		switch {
		case inline:
		case i+1 < len(words) && !strings.HasPrefix(words[i+1], "--"):
			i++
			f.Value = strings.TrimSpace(words[i])
		case strings.HasPrefix(f.Name, "no-"):
			f.Name, f.Value, f.Kind = strings.TrimPrefix(f.Name, "no-"), "false", experiment.FlagBool
		default:
			f.Value, f.Kind = "true", experiment.FlagBool
		}
		out = out.With(f)
	}
	return out
}

func (m *manifest) fill(r *Result) {
	r.Flags, r.Image, r.GPU, r.GPUs = m.flags, m.image, m.gpu, m.gpus
	if r.Model == "" {
		r.Model = m.model
	}
	if _, tag, ok := strings.Cut(m.image, ":"); ok {
		r.ServerVersion = tag
	}
	if r.GPUs > 0 {
		for _, name := range []string{"output_throughput", "total_throughput"} {
			if v, ok := r.Metrics[name]; ok {
				r.rate(name, v)
			}
		}
	}
}
