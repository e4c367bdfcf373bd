package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

// Effective is the configuration that a server runs with, as it tells it. Each
// flag that was asked for is in one of four lists.
type Effective struct {
	// Source names who told, the most telling first: /server_info, a metric,
	// the log.
	Source string
	Values map[string]string // by flag name; keys of a mapping that was asked for behind a dot
	// Confirmed are the flags that are in effect as they were asked for.
	Confirmed []string
	// Contradicted are those of which another value is in effect.
	Contradicted []Difference
	// Parsed are those that the server read as they were asked for, where
	// nothing tells what it then made of them.
	Parsed []string
	// Unconfirmed are those of which nothing told the value, or one that cannot
	// be compared with what was asked for.
	Unconfirmed []string
	// Refused is how the server failed when it was asked, in its own words; ""
	// where it did not.
	Refused string
}

// Difference is a flag whose value in effect is not the one asked for.
type Difference struct {
	Flag     string
	Asked    string
	InEffect string
}

// effective gathers what log, model list and server tell; the server's own
// answer counts most. Nil when nothing tells anything.
func effective(ctx context.Context, h Handle, spec Spec, id Identity, log Reader) (*Effective, Told) {
	values, parsed := maps.Clone(log.Settings()), log.Parsed()
	if values == nil {
		values = map[string]string{}
	}
	var sources []string
	if len(values)+len(parsed) > 0 {
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
	if len(sources) == 0 {
		return nil, told
	}
	e := &Effective{Source: strings.Join(sources, ", "), Values: values, Refused: refused}
	e.judge(spec, parsed)
	for flag, value := range parsed {
		if _, told := values[flag]; !told {
			values[flag] = value
		}
	}
	maps.DeleteFunc(values, func(flag, _ string) bool {
		root, _, key := strings.Cut(flag, ".")
		return slices.Contains(notTold, root) || key && !askedFor(spec.Asked, root)
	})
	for flag, value := range values {
		values[flag] = serverlog.Redact(value, spec.AllSecrets())
	}
	return e, told
}

// notTold are secrets, and what is in the facts of the start.
var notTold = []string{"api-key", "hf-token", "host", "port"}

// askedFor reports whether a flag or one of its keys was asked for.
func askedFor(asked map[string]string, flag string) bool {
	for name := range asked {
		if root, _, _ := strings.Cut(name, "."); root == flag {
			return true
		}
	}
	return false
}

// judge puts each flag that was asked for into its list. What is in effect
// counts before what was only parsed.
func (e *Effective) judge(spec Spec, parsed map[string]string) {
	for _, flag := range slices.Sorted(maps.Keys(spec.Asked)) {
		asked := spec.Asked[flag]
		verdict, inEffect := spec.compare(flag, asked, e.Values)
		onlyParsed := false
		if inEffect == "" && verdict == Unjudged {
			verdict, inEffect = spec.compare(flag, asked, parsed)
			onlyParsed = true
		}
		switch {
		case verdict == Contradicted:
			shown := func(text string) string { return serverlog.Redact(text, spec.AllSecrets()) }
			e.Contradicted = append(e.Contradicted, Difference{flag, shown(asked), shown(inEffect)})
		case verdict == Confirmed && onlyParsed:
			e.Parsed = append(e.Parsed, flag)
		case verdict == Confirmed:
			e.Confirmed = append(e.Confirmed, flag)
		default:
			e.Unconfirmed = append(e.Unconfirmed, flag)
		}
	}
}

// compare holds a flag that was asked for against the values that were told,
// and returns the flag's, "" for none. A mapping is confirmed by all of its
// keys.
func (s Spec) compare(flag, asked string, values map[string]string) (Verdict, string) {
	if s.Engine == nil || s.Engine.Compare == nil {
		return Unjudged, ""
	}
	if value, told := values[flag]; told {
		return s.Engine.Compare(flag, asked, value), value
	}
	keys := leaves(flag, asked)
	known := 0
	for key, want := range keys {
		value, told := values[key]
		if told && s.Engine.Compare(key, want, value) != Confirmed {
			return Unjudged, value
		}
		if told {
			known++
		}
	}
	if known == 0 || known < len(keys) {
		return Unjudged, ""
	}
	return Confirmed, asked
}

// leaves are the values of a mapping in JSON, each behind the dots of its keys;
// nil for anything else.
func leaves(name, text string) map[string]string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var mapping map[string]any
	if decoder.Decode(&mapping) != nil {
		return nil
	}
	out := map[string]string{}
	var walk func(name string, value any)
	walk = func(name string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, inner := range v {
				walk(name+"."+key, inner)
			}
		case string:
			out[name] = v
		default:
			text, err := json.Marshal(v)
			if err == nil {
				out[name] = string(text)
			}
		}
	}
	walk(name, mapping)
	return out
}

// differs is the failure of a configuration that is not in effect; nil when
// nothing is known to differ.
func (e *Effective) differs() *notReady {
	if e == nil || len(e.Contradicted) == 0 {
		return nil
	}
	return &notReady{differs: e.Contradicted}
}

func diagnoseDifference(found []Difference, source string) Diagnosis {
	var flags []string
	for _, d := range found {
		flags = append(flags, d.Flag)
	}
	first := found[0]
	cause := notice.New("value-not-applied", notice.Args{
		"flag": notice.Text(first.Flag), "asked": notice.Text(first.Asked), "in_effect": notice.Text(first.InEffect),
	})
	if len(flags) > 1 {
		cause = cause.With("others", notice.List(flags[1:]...))
	}
	return Diagnosis{
		Class: ClassNotApplied, Cause: cause, Evidence: []string{"reported by " + source},
		Remedy: notice.New("value-overridden", notice.Args{"flags": notice.List(flags...)}),
	}
}
