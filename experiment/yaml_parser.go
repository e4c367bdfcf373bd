package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// maxNodes bounds the values that a file may expand to: aliases of aliases
// grow without limit otherwise.
const maxNodes = 100_000

// parseYAML reads one YAML document. It returns nil when the file holds
// nothing that can be decoded; the reasons are in the diagnostics.
func parseYAML(src *source, data []byte) (*node, Diagnostics) {
	dec := newDocuments(data)
	root, err := decodeDocument(dec)
	if errors.Is(err, io.EOF) || err == nil && emptyDocument(root) {
		return nil, Diagnostics{fault("file-empty", src.whole(), nil)}
	}
	if err != nil {
		return nil, Diagnostics{syntaxDiagnostic(src, data, err)}
	}
	if countNodes(root, maxNodes) < 0 {
		return nil, Diagnostics{fault("file-too-many-values", src.whole(), args{"limit": maxNodes})}
	}
	c := &converter{src: src, done: map[*yaml.Node]*node{}, open: map[*yaml.Node]bool{}}
	n := c.convert(root.Content[0])
	c.secondDocument(dec, data)
	if n.weight > maxNodes {
		c.fail("file-expands", src.whole(), args{"limit": maxNodes})
		return nil, c.ds
	}
	return n, c.ds
}

// countNodes counts the nodes as written, down from the limit; negative: there
// are more.
func countNodes(y *yaml.Node, left int) int {
	left--
	for _, child := range y.Content {
		if left < 0 {
			break
		}
		left = countNodes(child, left)
	}
	return left
}

func newDocuments(data []byte) *yaml.Decoder { return yaml.NewDecoder(bytes.NewReader(data)) }

func emptyDocument(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null"
}

// decodeDocument decodes the next document. yaml.v3 panics on a few malformed
// inputs ("internal error: ..."): that is a fault of the input here.
func decodeDocument(dec *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	doc = new(yaml.Node)
	if err := dec.Decode(doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// converter turns yaml.v3's nodes into this package's.
type converter struct {
	src  *source
	ds   Diagnostics
	done map[*yaml.Node]*node
	open map[*yaml.Node]bool // being converted: an alias to one of these is a cycle
}

func (c *converter) fail(code notice.Code, at Range, a args) *Diagnostic {
	c.ds = append(c.ds, fault(code, at, a))
	return &c.ds[len(c.ds)-1]
}

// secondDocument reports anything after the first document.
func (c *converter) secondDocument(dec *yaml.Decoder, data []byte) {
	doc, err := decodeDocument(dec)
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		c.ds = append(c.ds, syntaxDiagnostic(c.src, data, err))
	default:
		c.fail("yaml-documents", c.src.line(doc.Line), nil)
	}
}

func (c *converter) convert(y *yaml.Node) *node {
	if n, ok := c.done[y]; ok {
		return n
	}
	if y.Kind == yaml.AliasNode {
		return c.alias(y)
	}
	c.open[y] = true
	n := &node{at: c.src.value(y.Line, y.Column, y.Value), text: y.Value, weight: 1}
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = listNode
		for _, item := range y.Content {
			child := c.convert(item)
			n.items = append(n.items, child)
			n.weight = min(n.weight+child.weight, maxNodes+1)
		}
	case yaml.MappingNode:
		n.kind = mapNode
		c.mapping(n, y)
	default:
		n.kind = c.scalarKind(y, n.at)
	}
	delete(c.open, y)
	c.done[y] = n
	return n
}

// alias resolves *name. An alias inside the value that it names has no end.
func (c *converter) alias(y *yaml.Node) *node {
	at := c.src.at(y.Line, y.Column, len([]rune(y.Value))+1)
	if c.open[y.Alias] {
		c.fail("yaml-alias-endless", at, args{"alias": y.Value})
		return &node{kind: nullNode, at: at, weight: 1}
	}
	return c.convert(y.Alias)
}

func (c *converter) mapping(n *node, y *yaml.Node) {
	var merges []*node
	known := map[string]entry{}
	add := func(e entry) {
		known[e.name] = e
		n.entries = append(n.entries, e)
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		at := c.src.value(y.Content[i].Line, y.Content[i].Column, key.Value)
		if key.Kind != yaml.ScalarNode || key.Tag == "!!null" {
			c.fail("yaml-key", at, nil)
			continue
		}
		value := c.convert(y.Content[i+1])
		n.weight = min(n.weight+1+value.weight, maxNodes+1)
		if key.Tag == "!!merge" {
			merges = append(merges, c.merged(value, at)...)
			continue
		}
		if first, dup := known[key.Value]; dup {
			d := c.fail("duplicate-field", at, args{"field": key.Value})
			d.Related = []Related{{first.key.at, "first given here"}}
			continue
		}
		add(entry{key.Value, &node{kind: textNode, text: key.Value, at: at, weight: 1}, value})
	}
	if n.weight > maxNodes {
		return // the file is refused; what it would expand to is not made
	}
	for _, m := range merges {
		for _, e := range m.entries {
			if _, own := known[e.name]; !own {
				add(e)
			}
		}
	}
}

// merged returns the mappings that a merge key << names.
func (c *converter) merged(value *node, at Range) []*node {
	all := []*node{value}
	if value.kind == listNode {
		all = value.items
	}
	for _, m := range all {
		if m.kind != mapNode {
			c.fail("yaml-merge", at, args{"found": m.found()})
			return nil
		}
	}
	return all
}

// scalarKind resolves the type of a scalar. Dates are text here.
func (c *converter) scalarKind(y *yaml.Node, at Range) nodeKind {
	switch tag := y.ShortTag(); tag {
	case "!!null":
		return nullNode
	case "!!bool":
		return boolNode
	case "!!int":
		return intNode
	case "!!float":
		return floatNode
	case "!!str", "!!timestamp", "!!merge":
		return textNode
	default:
		c.fail("yaml-tag", at, args{"tag": tag})
		return textNode
	}
}
