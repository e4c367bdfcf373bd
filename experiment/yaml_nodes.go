package experiment

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nodeKind is the type of a YAML value, as YAML 1.2 resolves it.
type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	intNode
	floatNode
	textNode
	listNode
	mapNode
)

// node is one YAML value with its place. Aliases are resolved: an aliased
// value is shared, so the nodes form an acyclic graph.
type node struct {
	kind    nodeKind
	text    string // of a scalar, as written and unquoted
	at      Range
	items   []*node
	entries []entry
	weight  int // nodes below and with this one, shared ones counted each time
}

// entry is a key with its value; for list items key is nil and name is "[i]".
type entry struct {
	name  string
	key   *node
	value *node
}

// place is where to point for a fault of the value: the value itself, or the
// key when the value is empty or spans lines.
func (e entry) place() Range {
	if e.key != nil && (e.value.at.Line == 0 || e.value.kind == nullNode && e.value.text == "" ||
		e.value.at.Line != e.key.at.Line && (e.value.kind == mapNode || e.value.kind == listNode)) {
		return e.key.at
	}
	return e.value.at
}

// get returns the entry of that name.
func (n *node) get(name string) (entry, bool) {
	for _, e := range n.entries {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}

// children lists the items of a list or the entries of a mapping.
func (n *node) children() []entry {
	if n.kind != listNode {
		return n.entries
	}
	out := make([]entry, len(n.items))
	for i, item := range n.items {
		out[i] = entry{name: "[" + strconv.Itoa(i) + "]", value: item}
	}
	return out
}

// scalar says whether the node is a bool, a number or text.
func (n *node) scalar() bool {
	return n.kind == boolNode || n.kind == intNode || n.kind == floatNode || n.kind == textNode
}

// found describes the value for a label.
func (n *node) found() string {
	switch n.kind {
	case nullNode:
		return "found nothing"
	case boolNode:
		return "found " + n.text
	case intNode, floatNode:
		return "found the number " + short(n.text)
	case textNode:
		return "found the text " + strconv.Quote(short(n.text))
	case listNode:
		return "found a list"
	default:
		return "found a mapping"
	}
}

// short cuts long text for a message.
func short(s string) string {
	const limit = 40
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit]) + "…"
}

// json is the value as compact JSON with keys in file order. Numbers that JSON
// writes the same way keep their digits; all other scalars become strings.
func (n *node) json() string {
	switch n.kind {
	case nullNode:
		return "null"
	case boolNode:
		return strings.ToLower(n.text)
	case intNode, floatNode:
		if json.Valid([]byte(n.text)) {
			return n.text
		}
		return quoteJSON(n.text)
	case textNode:
		return quoteJSON(n.text)
	case listNode:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = item.json()
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		parts := make([]string, len(n.entries))
		for i, e := range n.entries {
			parts[i] = quoteJSON(e.name) + ":" + e.value.json()
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
}

// quoteJSON quotes s without the HTML escapes of json.Marshal, which would
// change what the server is given.
func quoteJSON(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
