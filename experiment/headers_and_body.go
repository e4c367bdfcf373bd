package experiment

import (
	"net/http"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/workload"
)

// Header is one header of every request. Either Value is given or FromEnv or
// FromFile names where the runner finds it: only that name is ever written
// anywhere.
type Header EnvVar

// headers is a mapping of header names to values.
func headers() value[[]Header] {
	reference, plain := reference(), scalarText("text")
	return value[[]Header]{schema: objectOf(anyOf(plain.schema, reference.schema)), read: func(d *decoder, path string, e entry) ([]Header, bool) {
		if e.value.kind != mapNode && e.value.kind != nullNode {
			d.expectLike(path, e, "a mapping of headers to values", "{X-Tenant: blue, X-Token: {from_env: GATEWAY_TOKEN}}")
			return nil, false
		}
		var out []Header
		for _, child := range e.value.entries {
			canonical := http.CanonicalHeaderKey(child.name)
			refusal, refused := workload.CheckHeader(path, child.name)
			switch {
			case refused:
				d.refuse(refusal, child.key.at)
				continue
			case slices.ContainsFunc(out, func(h Header) bool { return http.CanonicalHeaderKey(h.Name) == canonical }):
				d.fail("header-twice", child.key.at, args{"path": path, "name": canonical})
				continue
			}
			h := Header{Name: child.name}
			if child.value.kind == mapNode {
				from, _ := reference.read(d, join(path, child.name), child)
				h.FromEnv, h.FromFile = from.FromEnv, from.FromFile
			} else {
				h.Value, _ = plain.read(d, join(path, child.name), child)
				if refusal, refused := workload.CheckHeaderValue(join(path, child.name), h.Value); refused {
					d.refuse(refusal, child.place())
				} else if h.Value != "" && secretHeader(child.name) {
					d.warn("secret-suspected", child.place(), args{"name": child.name, "reference": "{" + child.name + ": " + byName + "}"})
				}
			}
			out = append(out, h)
		}
		return out, true
	}}
}

// secretHeader says whether a header's value should not be written in a file.
func secretHeader(name string) bool {
	return strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") ||
		secretVariable(strings.ReplaceAll(name, "-", "_"))
}

// body is a mapping of further fields of every request, kept as JSON.
func body() value[string] {
	return value[string]{schema: objectOf(typed("string", "number", "boolean", "null", "object", "array")), read: func(d *decoder, path string, e entry) (string, bool) {
		if e.value.kind != mapNode {
			d.expectLike(path, e, "a mapping of fields of the request", "{top_p: 0.9, chat_template_kwargs: {enable_thinking: false}}")
			return "", false
		}
		ok := true
		for _, child := range e.value.entries {
			refusal, refused := workload.CheckField(path, child.name, "output_tokens", "max_tokens", "min_tokens",
				"ignore_eos")
			if refused {
				d.refuse(refusal, child.key.at)
				ok = false
			}
		}
		return e.value.json(), ok
	}}
}
