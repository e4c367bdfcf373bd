package importer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// stream walks a JSON document without holding it: containers are entered
// token by token, and what nobody asked for is passed over.
type stream struct {
	src    source
	python *pythonJSON
	dec    *json.Decoder
	path   []string
}

func newStream(src source, in io.Reader) *stream {
	python := &pythonJSON{in: bufio.NewReaderSize(in, 1<<16)}
	return &stream{src: src, python: python, dec: json.NewDecoder(python)}
}

// fail places an error at where the decoder stands.
func (s *stream) fail(err error) error {
	if err == nil || errors.Is(err, errDone) {
		return err
	}
	offset := s.dec.InputOffset()
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		err = fmt.Errorf("%s where %s is due", kind.Value, plainType(kind))
	}
	if errors.As(err, &syntax) && strings.Contains(err.Error(), "unexpected end") {
		err = io.ErrUnexpectedEOF
	}
	return s.src.fault(offset, strings.Join(s.path, ""), err)
}

// plainType words what a field takes.
func plainType(e *json.UnmarshalTypeError) string {
	name := "a value of another kind"
	switch e.Type.Kind().String() {
	case "float64", "int", "int64":
		name = "a number"
	case "string":
		name = "text"
	case "slice":
		name = "a list"
	case "struct", "map":
		name = "an object"
	case "bool":
		name = "true or false"
	}
	if e.Field != "" {
		return name + " (" + e.Field + ")"
	}
	return name
}

// errDone ends a walk early without a fault.
var errDone = errors.New("done")

// object calls visit for each member; visit must consume the value (decode,
// object, array or skip).
func (s *stream) object(visit func(key string) error) error {
	return s.members('{', func() error {
		t, err := s.dec.Token()
		if err != nil {
			return s.fail(err)
		}
		key, _ := t.(string)
		s.push("." + key)
		defer s.pop()
		return visit(key)
	})
}

// array calls visit for each element.
func (s *stream) array(visit func(i int) error) error {
	i := 0
	return s.members('[', func() error {
		s.push(fmt.Sprintf("[%d]", i))
		defer s.pop()
		i++
		return visit(i - 1)
	})
}

// members walks a container. A null stands for an empty one: tools write it so.
func (s *stream) members(open json.Delim, each func() error) error {
	t, err := s.dec.Token()
	if err != nil {
		return s.fail(err)
	}
	if t == nil {
		return nil
	}
	if t != open {
		want := "an object"
		if open == '[' {
			want = "a list"
		}
		return s.fail(fmt.Errorf("%s where %s is due", tokenName(t), want))
	}
	for s.dec.More() {
		if err := each(); err != nil {
			return err
		}
	}
	_, err = s.dec.Token()
	return s.fail(err)
}

func tokenName(t json.Token) string {
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return "an object"
		}
		return "a list"
	case string:
		return "text"
	case bool:
		return "true or false"
	default:
		return "a number"
	}
}

func (s *stream) push(step string) {
	if len(s.path) == 0 {
		step = strings.TrimPrefix(step, ".")
	}
	s.path = append(s.path, step)
}

func (s *stream) pop() { s.path = s.path[:len(s.path)-1] }

// decode reads the next value into v.
func (s *stream) decode(v any) error { return s.fail(s.dec.Decode(v)) }

// skip passes over the next value, however large.
func (s *stream) skip() error {
	depth := 0
	for {
		t, err := s.dec.Token()
		if err != nil {
			return s.fail(err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// end makes sure that nothing follows the document.
func (s *stream) end() error {
	_, err := s.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = errors.New("more text after the end of the document")
	}
	return s.fail(err)
}

// pythonJSON turns what Python's json module writes beyond the standard into
// null: NaN, Infinity and -Infinity outside of strings. With infinite, a member
// that is Infinity becomes the text "inf", which vllm bench serve writes for it
// in other places.
type pythonJSON struct {
	in       *bufio.Reader
	infinite bool
	member   bool // a colon was the last that was met
	inString bool
	escaped  bool
	rest     string // of a replacement that did not fit
}

func (p *pythonJSON) Read(out []byte) (int, error) {
	n := copy(out, p.rest)
	p.rest = p.rest[n:]
	for n < len(out) {
		b, err := p.in.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if word := p.word(b); word > 0 {
			p.in.Discard(word - 1)
			text := "null"
			if p.infinite && p.member && b == 'I' {
				text = `"inf"`
			}
			text += strings.Repeat(" ", max(0, word-len(text)))
			p.member = false
			k := copy(out[n:], text)
			p.rest = text[k:]
			n += k
			if p.rest != "" {
				return n, nil
			}
			continue
		}
		out[n] = b
		n++
		if p.in.Buffered() == 0 {
			return n, nil // give what there is before waiting for more
		}
	}
	return n, nil
}

// word is the length of the non-standard word that begins with b; 0: none.
func (p *pythonJSON) word(b byte) int {
	switch {
	case p.escaped:
		p.escaped = false
	case p.inString && b == '\\':
		p.escaped = true
	case b == '"':
		p.inString, p.member = !p.inString, false
	case p.inString:
	case b == ':':
		p.member = true
	case b == ' ', b == '\t', b == '\r', b == '\n':
	case b == 'N', b == 'I', b == '-':
		for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
			if w[0] != b {
				continue
			}
			if next, _ := p.in.Peek(len(w) - 1); string(next) == w[1:] {
				return len(w)
			}
		}
		p.member = false
	default:
		p.member = false
	}
	return 0
}
