package loadtools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// version of a tool.
type version struct {
	text         string
	major, minor int
}

var versionText = regexp.MustCompile(`\b([0-9]+)\.([0-9]+)(\.[0-9A-Za-z.+-]*)?`)

// versionLimit bounds the question for the version: it imports the tool.
const versionLimit = 2 * time.Minute

// askVersion runs TOOL --version.
func askVersion(ctx context.Context, base, env []string) (version, error) {
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	words := append(slices.Clone(base), "--version")
	if i := slices.Index(words, "--name"); i > 0 {
		words[i+1] += "-version" // the name of the container that will do the work is still to be used
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = groupAttributes()
	cmd.Cancel = func() error { return endGroup(cmd.Process.Pid, true) }
	cmd.WaitDelay = killGrace
	out, err := cmd.CombinedOutput()
	if err != nil {
		return version{}, fmt.Errorf("ask guidellm for its version: %w: %s", err, strings.TrimSpace(string(out)))
	}
	m := versionText.FindStringSubmatch(string(out))
	if m == nil {
		return version{}, fmt.Errorf("ask guidellm for its version: no version in %q", strings.TrimSpace(string(out)))
	}
	v := version{text: m[0]}
	v.major, _ = strconv.Atoi(m[1])
	v.minor, _ = strconv.Atoi(m[2])
	return v, nil
}

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// guidellm translates the load into the dialect of that version.
func (j *Job) guidellm(c *command, base []string, v version) error {
	profile, value, err := j.profile()
	if err != nil {
		return err
	}
	limit := j.Load.Arrivals.MaxConcurrency
	if err := v.takes(limit); err != nil {
		return err
	}
	switch {
	case !v.atLeast(0, 4):
		c.argv = slices.Concat(base, j.guidellmFlags("--rate-type", profile, value), []string{"--disable-progress"}, j.Tool.Args)
		j.guidellmEnv(c, false)
	case !v.atLeast(0, 7):
		route := "text_completions"
		if j.Load.API == loadgen.Chat {
			route = "chat_completions"
		}
		flags := j.guidellmFlags("--profile", profile, value)
		flags = slices.Insert(flags, 1, "run")
		c.argv = slices.Concat(base, flags, []string{"--request-type", route, "--disable-console-interactive"}, j.Tool.Args)
		j.guidellmEnv(c, true)
	default:
		path, err := j.guidellmConfig(c, profile, value, limit)
		if err != nil {
			return err
		}
		c.argv = slices.Concat(base, []string{"run", "--config", path, "--disable-console-interactive"}, j.Tool.Args)
	}
	return nil
}

// profile is the load in GuideLLM's words: its profile and rate, which is
// req/s or a number of streams.
func (j *Job) profile() (string, float64, error) {
	a := j.Load.Arrivals
	switch {
	case a.Kind == loadgen.Concurrency && a.Concurrency == 1:
		return "synchronous", 0, nil
	case a.Kind == loadgen.Concurrency:
		return "concurrent", float64(a.Concurrency), nil
	case a.Kind == loadgen.Throughput:
		return "throughput", float64(a.Concurrency), nil
	case a.Kind == loadgen.Constant, a.Kind == loadgen.Poisson:
		return string(a.Kind), a.Rate, nil
	default:
		return "", 0, fmt.Errorf("guidellm knows no arrivals %q", a.Kind)
	}
}

// guidellmFlags are the arguments of 0.2 to 0.6.
func (j *Job) guidellmFlags(profileFlag, profile string, value float64) []string {
	out := []string{
		"benchmark", "--target", j.Load.BaseURL, "--model", j.Load.Model, "--processor", j.tokenizer(), profileFlag, profile,
	}
	if value > 0 {
		out = append(out, "--rate", strconv.FormatFloat(value, 'f', -1, 64))
	}
	var data []string
	for key, v := range j.syntheticData() {
		data = append(data, fmt.Sprintf("%s=%v", key, v))
	}
	slices.Sort(data)
	out = append(out, "--data", strings.Join(data, ","))
	if j.Load.Duration > 0 {
		out = append(out, "--max-seconds", strconv.FormatFloat(j.Load.Duration.Seconds(), 'f', -1, 64))
	}
	if j.Load.Requests > 0 {
		out = append(out, "--max-requests", strconv.Itoa(j.Load.Requests))
	}
	return append(out, "--random-seed", strconv.FormatUint(smallSeed(j.Load.Seed), 10), "--output-path",
		filepath.Join(j.Dir, rundir.ToolResultFile))
}

// guidellmEnv passes the key, which must not stand on a command line, and for
// 0.2 and 0.3 the route.
func (j *Job) guidellmEnv(c *command, kwargs bool) {
	c.env = slices.Clone(c.env)
	if !kwargs {
		route := "text_completions"
		if j.Load.API == loadgen.Chat {
			route = "chat_completions"
		}
		c.env = append(c.env, "GUIDELLM__PREFERRED_ROUTE="+route)
		if j.Load.APIKey != "" {
			c.env = append(c.env, "GUIDELLM__OPENAI__API_KEY="+j.Load.APIKey)
		}
		return
	}
	if j.Load.APIKey != "" {
		key, _ := json.Marshal(map[string]string{"api_key": j.Load.APIKey})
		c.env = append(c.env, "GUIDELLM_BACKEND_KWARGS="+string(key))
	}
}

// guidellmConfig writes the configuration file of 0.7 and later. One that
// holds a key lies outside of the run directory, readable by nobody else, and
// is removed; the run directory keeps a copy without it.
func (j *Job) guidellmConfig(c *command, profile string, value float64, limit int) (string, error) {
	route := "/v1/completions"
	if j.Load.API == loadgen.Chat {
		route = "/v1/chat/completions"
	}
	backend := map[string]any{"kind": "openai_http", "target": j.Load.BaseURL, "model": j.Load.Model, "request_format": route}
	if j.Load.Timeout > 0 {
		backend["timeout"] = j.Load.Timeout.Seconds()
	}
	p := map[string]any{"kind": profile}
	switch profile {
	case "concurrent":
		p["streams"] = []int{int(value)}
	case "throughput":
		if value > 0 {
			p["max_concurrency"] = int(value)
		}
	case "constant", "poisson":
		p["rate"] = []float64{value}
		if limit > 0 {
			p["max_concurrency"] = limit
		}
	}
	var constraints []map[string]any
	if j.Load.Duration > 0 {
		constraints = append(constraints, map[string]any{"kind": "max_duration", "seconds": j.Load.Duration.Seconds()})
	}
	if j.Load.Requests > 0 {
		constraints = append(constraints, map[string]any{"kind": "max_requests", "count": j.Load.Requests})
	}
	data := j.syntheticData()
	data["kind"] = "synthetic_text"
	spec := map[string]any{
		"backend": backend, "profile": p, "constraints": constraints, "data": []any{data},
		"tokenizer": map[string]any{"kind": "huggingface_auto", "model": j.tokenizer()},
		"seed":      map[string]any{"kind": "static", "value": smallSeed(j.Load.Seed)},
		"outputs":   []any{map[string]any{"kind": "json", "path": filepath.Join(j.Dir, rundir.ToolResultFile)}},
	}
	text, err := yaml.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return "", err
	}
	path := filepath.Join(j.Dir, rundir.ToolConfigFile)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", err
	}
	if j.Load.APIKey == "" {
		return path, nil
	}
	if j.Tool.Image != "" {
		return "", errors.New("guidellm 0.7 and later takes an API key only from its configuration file, which a container would have to be shown: run it from PATH")
	}
	backend["api_key"] = j.Load.APIKey
	if text, err = yaml.Marshal(map[string]any{"spec": spec}); err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "guidellm-*.yaml") // mode 0600
	if err != nil {
		return "", err
	}
	c.remove = append(c.remove, f.Name())
	_, err = f.Write(text)
	return f.Name(), errors.Join(err, f.Close())
}

// syntheticData are the lengths in GuideLLM's words.
func (j *Job) syntheticData() map[string]any {
	out := map[string]any{}
	for key, l := range map[string]loadgen.Lengths{"prompt_tokens": j.Load.Prompt, "output_tokens": j.Load.Output} {
		switch l.Kind {
		case loadgen.Uniform:
			out[key], out[key+"_min"], out[key+"_max"] = (l.Min+l.Max)/2, l.Min, l.Max
			continue
		case loadgen.Normal:
			out[key+"_stdev"] = int(l.Stdev + 0.5)
		}
		out[key] = int(l.Mean + 0.5)
		if l.Min > 0 {
			out[key+"_min"] = l.Min
		}
		if l.Max > 0 {
			out[key+"_max"] = l.Max
		}
	}
	return out
}

// smallSeed fits a seed into what both tools take.
func smallSeed(seed uint64) uint64 { return seed % (1 << 31) }
