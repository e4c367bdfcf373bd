package launcher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

// Effective is the configuration that a server runs with, as it tells it.
type Effective struct {
	// Source names who told, the most telling first: /server_info, a metric,
	// the log.
	Source string            `json:"source"`
	Values map[string]string `json:"values"` // by flag name
	// Unconfirmed are the flags that were asked for and of which nothing told
	// the value in effect.
	Unconfirmed []string `json:"unconfirmed,omitempty"`
	// Refused is how the server failed when it was asked, "" where it did not.
	Refused string `json:"refused,omitempty"`
}

// Difference is a flag whose value in effect is not the one asked for.
type Difference struct{ Flag, Asked, InEffect string }

// effective gathers what log, model list and server tell; the server's own
// answer counts most. Nil when nothing tells anything.
func effective(ctx context.Context, h Handle, spec Spec, id Identity, log Reader) (*Effective, Told) {
	values := map[string]string{}
	var sources []string
	if told := log.Settings(); len(told) > 0 {
		maps.Copy(values, told)
		sources = []string{"log"}
	}
	if id.MaxModelLen > 0 && spec.Engine != nil && spec.Engine.LengthFlag != "" {
		values[spec.Engine.LengthFlag] = strconv.Itoa(id.MaxModelLen)
		sources = append([]string{"/v1/models"}, sources...)
	}
	refused, told := "", Told{}
	if spec.Engine != nil && spec.Engine.Settings != nil {
		p := newProber(h, spec)
		defer p.client.CloseIdleConnections()
		told = spec.Engine.Settings(ctx, func(ctx context.Context, path string) ([]byte, error) {
			body, err := p.get(ctx, path, spec.APIKey)
			var status *statusError
			if errors.As(err, &status) && status.code >= 500 && refused == "" {
				refused = serverlog.Redact(status.told(), spec.AllSecrets())
			}
			return body, err
		})
		if len(told.Values) > 0 {
			maps.Copy(values, told.Values)
			sources = append([]string{told.Source}, sources...)
		}
	}
	if len(values) == 0 {
		return nil, told
	}
	for _, name := range []string{"api-key", "hf-token", "host", "port"} { // secrets, and what is in the facts
		delete(values, name)
	}
	for flag, value := range values {
		values[flag] = serverlog.Redact(value, spec.AllSecrets())
	}
	e := &Effective{Source: strings.Join(sources, ", "), Values: values, Refused: refused}
	for _, flag := range slices.Sorted(maps.Keys(spec.Asked)) {
		if _, told := values[flag]; !told {
			e.Unconfirmed = append(e.Unconfirmed, flag)
		}
	}
	return e, told
}

// differs compares what was asked with what is in effect; nil when nothing is
// known to differ.
func (e *Effective) differs(spec Spec) *notReady {
	if e == nil || spec.Engine == nil || spec.Engine.Same == nil {
		return nil
	}
	var found []Difference
	for _, flag := range slices.Sorted(maps.Keys(spec.Asked)) {
		if value, told := e.Values[flag]; told && !spec.Engine.Same(flag, spec.Asked[flag], value) {
			found = append(found, Difference{flag, spec.Asked[flag], value})
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &notReady{differs: found}
}

func diagnoseDifference(found []Difference, source string) Diagnosis {
	var parts, flags []string
	for _, d := range found {
		parts = append(parts, fmt.Sprintf("%s %s was asked for and %s is in effect", d.Flag, d.Asked, d.InEffect))
		flags = append(flags, d.Flag)
	}
	return Diagnosis{
		Class: ClassNotApplied, Cause: strings.Join(parts, "; "),
		Evidence: []string{"told by " + source},
		Remedy: "the server or its image overrides " + strings.Join(flags, " and ") +
			": look in its log for the reason, remove what sets it beside sweep (entry point, --config, environment), or ask for the value that it takes",
	}
}
