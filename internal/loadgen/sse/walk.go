package sse

import "bytes"

// walker is one pass over the bytes of a JSON value. bad is set at the first
// thing that it does not follow; everything after is then meaningless and the
// caller turns to decode.
type walker struct {
	b   []byte
	i   int
	bad bool
}

// walk reads a chunk. raw is its error value, nil when there is none.
func walk(data []byte) (c Chunk, raw []byte, ok bool) {
	w := walker{b: data}
	objectIsError := false
	for first := true; w.member(&first); {
		key := w.key()
		switch string(key) {
		case "choices":
			var p payload // of duplicate keys the last counts
			w.choices(&p)
			p.into(&c)
		case "usage":
			c.HasUsage, c.PromptTokens, c.CompletionTokens = false, 0, 0
			w.usage(&c)
		case "error":
			raw = w.value()
			if string(raw) == "null" {
				raw = nil
			}
		case "object":
			objectIsError = string(w.value()) == `"error"`
		default:
			w.value()
		}
	}
	w.space()
	if w.bad || w.i != len(w.b) {
		return Chunk{}, nil, false
	}
	if raw == nil && objectIsError {
		raw = data
	}
	return c, raw, true
}

func (w *walker) choices(p *payload) {
	if w.null() {
		return
	}
	for first := true; w.element(&first); {
		p.one()
		var text, reason []byte
		var d delta
		ids := -1
		for first := true; w.member(&first); {
			switch string(w.key()) {
			case "text":
				text = w.value()
			case "delta":
				d = w.delta()
			case "finish_reason":
				reason = w.value()
			case "token_ids":
				ids = w.length()
			default:
				w.value()
			}
		}
		p.content(text)
		p.content(d.content)
		p.content(d.thinking)
		p.content(d.reasoning)
		p.filled = p.filled || holds(d.calls)
		p.role = p.role || holds(d.role)
		if reason != nil && string(reason) != "null" {
			p.reason(reason)
		}
		if ids >= 0 {
			p.tokenIDs(ids)
		}
	}
}

// delta are the values of a delta that the fast pass knows.
type delta struct{ role, content, thinking, reasoning, calls []byte }

func (w *walker) delta() (d delta) {
	if w.null() {
		return d
	}
	for first := true; w.member(&first); {
		switch string(w.key()) {
		case "role":
			d.role = w.value()
		case "content":
			d.content = w.value()
		case "reasoning_content":
			d.thinking = w.value()
		case "reasoning":
			d.reasoning = w.value()
		case "tool_calls":
			d.calls = w.value()
		default:
			if holds(w.value()) { // decode knows whether it counts
				w.bad = true
			}
		}
	}
	return d
}

// length counts the elements of a list; -1: null.
func (w *walker) length() int {
	if w.null() {
		return -1
	}
	n := 0
	for first := true; w.element(&first); n++ {
		w.value()
	}
	return n
}

func (w *walker) usage(c *Chunk) {
	if w.null() {
		return
	}
	for first := true; w.member(&first); {
		switch string(w.key()) {
		case "prompt_tokens":
			c.PromptTokens = w.count()
		case "completion_tokens":
			c.CompletionTokens = w.count()
		default:
			w.value()
		}
	}
	c.HasUsage = true
}

// member steps to the next key of an object, from its opening brace on, and
// reports whether there is one.
func (w *walker) member(first *bool) bool { return w.step(first, '{', '}') }

// element steps to the next element of an array.
func (w *walker) element(first *bool) bool { return w.step(first, '[', ']') }

func (w *walker) step(first *bool, open, end byte) bool {
	w.space()
	if *first {
		*first = false
		if !w.eat(open) {
			w.bad = true
			return false
		}
		w.space()
		return !w.eat(end) && !w.bad
	}
	switch {
	case w.eat(','):
		return !w.bad
	case w.eat(end):
		return false
	}
	w.bad = true
	return false
}

// key reads a key and its colon.
func (w *walker) key() []byte {
	w.space()
	s, escaped := w.str()
	w.space()
	if escaped || !w.eat(':') {
		w.bad = true
		return nil
	}
	return s
}

// count reads a plain non-negative integer; null counts as 0.
func (w *walker) count() int {
	v := w.value()
	if string(v) == "null" {
		return 0
	}
	n := 0
	for _, d := range v {
		if d < '0' || d > '9' || len(v) > 9 {
			w.bad = true
			return 0
		}
		n = n*10 + int(d-'0')
	}
	return n
}

func (w *walker) null() bool {
	w.space()
	if bytes.HasPrefix(w.b[w.i:], []byte("null")) {
		w.i += len("null")
		return true
	}
	return false
}

// value passes over any value and returns its bytes. Brackets are counted, not
// matched by kind.
func (w *walker) value() []byte {
	w.space()
	from, depth := w.i, 0
	for w.i < len(w.b) && !w.bad {
		switch c := w.b[w.i]; c {
		case '"':
			w.str()
		case '{', '[':
			depth++
			w.i++
		case '}', ']':
			if depth--; depth < 0 {
				w.bad = true
				return nil
			}
			w.i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 { // a value is missing
				w.bad = true
				return nil
			}
			w.i++
		default:
			w.scalar()
		}
		if depth == 0 {
			return w.b[from:w.i]
		}
	}
	w.bad = true
	return nil
}

// scalar passes over a number or a literal name.
func (w *walker) scalar() {
	from := w.i
	for w.i < len(w.b) {
		c := w.b[w.i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' && c != '+' && c != '.' && c != 'E' {
			break
		}
		w.i++
	}
	if w.i == from {
		w.bad = true
	}
}

// str reads a string and returns what stands between its quotes.
func (w *walker) str() (s []byte, escaped bool) {
	if !w.eat('"') {
		w.bad = true
		return nil, false
	}
	from := w.i
	for {
		n := bytes.IndexByte(w.b[w.i:], '"')
		if n < 0 {
			w.bad = true
			return nil, escaped
		}
		slash := bytes.IndexByte(w.b[w.i:w.i+n], '\\')
		if slash < 0 {
			w.i += n + 1
			return w.b[from : w.i-1], escaped
		}
		escaped = true
		w.i += slash + 2 // the escaped byte cannot end the string
		if w.i > len(w.b) {
			w.bad = true
			return nil, escaped
		}
	}
}

func (w *walker) space() {
	for w.i < len(w.b) {
		switch w.b[w.i] {
		case ' ', '\t', '\n', '\r':
			w.i++
		default:
			return
		}
	}
}

func (w *walker) eat(c byte) bool {
	if w.i < len(w.b) && w.b[w.i] == c {
		w.i++
		return true
	}
	return false
}
