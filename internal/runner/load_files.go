package runner

import (
	"encoding/json"
	"fmt"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/workload"
)

// material is what loads take from outside the experiment file: traces,
// datasets, and header values from the environment.
type material struct {
	traces   map[string][]workload.Arrival // by path
	datasets map[string][]workload.Sample
	counts   *loadgen.AnswerCounts        // tokens of their answers
	headers  map[string]map[string]string // by load: name → value
	secrets  []string
}

// gather reads it once. A file that changed since the experiment was checked
// would give the same IDs to other work, so it is refused.
func gather(loads []experiment.Load, lookup func(string) (string, bool)) (material, error) {
	m := material{traces: map[string][]workload.Arrival{}, datasets: map[string][]workload.Sample{}, counts: new(loadgen.AnswerCounts), headers: map[string]map[string]string{}}
	for _, l := range loads {
		if t := l.Arrivals.Trace; t != nil && m.traces[t.File] == nil {
			rows, digest, err := workload.ReadTrace(t.File, t.Format)
			if err != nil {
				return m, fmt.Errorf("%w: trace of load %s: %w", ErrEnvironment, l.Name, err)
			}
			if digest != t.Digest {
				return m, fmt.Errorf("%w: %s changed while the run began", ErrEnvironment, t.File)
			}
			m.traces[t.File] = rows
		}
		if s := l.Dataset; s != nil && m.datasets[s.File] == nil {
			samples, digest, err := workload.ReadDataset(s.File, s.Format)
			if err != nil {
				return m, fmt.Errorf("%w: dataset of load %s: %w", ErrEnvironment, l.Name, err)
			}
			if digest != s.Digest {
				return m, fmt.Errorf("%w: %s changed while the run began", ErrEnvironment, s.File)
			}
			m.datasets[s.File] = samples
		}
		values, secrets, err := headerValues(l, lookup)
		if err != nil {
			return m, err
		}
		m.headers[l.Name] = values
		m.secrets = append(m.secrets, secrets...)
	}
	return m, nil
}

// headerValues resolves the headers of a load.
func headerValues(l experiment.Load, lookup func(string) (string, bool)) (values map[string]string, secrets []string, err error) {
	values = map[string]string{}
	for _, h := range l.Headers {
		v := experiment.EnvVar(h)
		value, err := v.Resolve(fmt.Sprintf("header %s of load %s", h.Name, l.Name), lookup)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrEnvironment, err)
		}
		values[h.Name] = value
		if value != "" && v.Refers() {
			secrets = append(secrets, value)
		}
	}
	return values, secrets, nil
}

// CheckHeaders reports variables that headers refer to and that are not set.
// The error wraps ErrEnvironment.
func CheckHeaders(loads []experiment.Load, lookup func(string) (string, bool)) error {
	for _, l := range loads {
		if _, _, err := headerValues(l, lookup); err != nil {
			return err
		}
	}
	return nil
}

// furnish adds to a configuration of the generator what the load names beyond
// its lengths and arrivals.
func (w *loads) furnish(cfg *loadgen.Config, l experiment.Load) error {
	cfg.MinOutput, cfg.MaxOutput = l.MinTokens, l.MaxTokens
	cfg.Prefix = loadgen.Prefix(l.Prefix)
	cfg.Headers, cfg.Secrets, cfg.TLS = w.material.headers[l.Name], w.material.secrets, w.server.TLS
	if t := l.Arrivals.Trace; t != nil && cfg.Arrivals.Kind == loadgen.Trace {
		cfg.Trace = w.material.traces[t.File]
	}
	if s := l.Dataset; s != nil {
		cfg.Dataset, cfg.DatasetSalt, cfg.Counts = w.material.datasets[s.File], s.Salt, w.material.counts
	}
	if s := l.Sessions; s != nil {
		t := s.Think
		cfg.Sessions = &loadgen.Sessions{
			Turns: w.lengths(s.Turns), FollowUp: w.lengths(s.FollowUp),
			Think: loadgen.Pause{Kind: loadgen.PauseKind(t.Kind), Mean: t.Mean, Stdev: t.Stdev, Min: t.Min, Max: t.Max},
		}
	}
	if l.Body == "" {
		return nil
	}
	var fields map[string]json.RawMessage // numbers keep their digits
	if err := json.Unmarshal([]byte(l.Body), &fields); err != nil {
		return fmt.Errorf("body of load %s: %w", l.Name, err)
	}
	cfg.Body = map[string]any{}
	for name, value := range fields {
		cfg.Body[name] = value
	}
	return nil
}
