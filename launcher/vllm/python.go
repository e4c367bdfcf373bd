package vllm

import (
	"encoding/json"
	"regexp"
	"strings"
)

// vLLM logs its configuration as Python writes values: `non-default args:
// {'max_num_seqs': 16, 'served_model_name': ['m']}`, `with config: model='m',
// dtype=torch.bfloat16, kernel_config=KernelConfig(moe_backend='auto')`. They are
// read into what its JSON would give: map[string]any, []any, string,
// json.Number, bool, and nil for None. What cannot be read ends the value, and
// what was read before it stays.

// python reads a text from the left.
type python struct {
	text  string
	at    int
	depth int
}

// deepest is how far values may nest; vLLM's do to six.
const deepest = 32

// pythonDict reads the dict that the text begins with; nil for anything else.
func pythonDict(text string) map[string]any {
	out, _ := (&python{text: text}).value("").(map[string]any)
	return out
}

// pythonFields reads `a=1, b='x'`.
func pythonFields(text string) map[string]any {
	fields, _ := (&python{text: text}).arguments(0)
	return fields
}

// pythonWord reads one value that is written without quotes, such as a label.
func pythonWord(text string) any { return word(text) }

func (p *python) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *python) space() {
	for p.peek() == ' ' {
		p.at++
	}
}

// value reads one value. A word without quotes ends at one of the bytes.
func (p *python) value(ends string) any {
	if p.depth++; p.depth > deepest {
		p.at = len(p.text)
	}
	defer func() { p.depth-- }()
	p.space()
	switch p.peek() {
	case '\'', '"':
		return p.quoted()
	case '[':
		p.at++
		return p.list(']')
	case '(':
		p.at++
		return p.list(')')
	case '{':
		p.at++
		return p.dict()
	case '<':
		return p.object()
	}
	return p.word(ends)
}

// quoted reads a string.
func (p *python) quoted() string {
	quote := p.peek()
	var out strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			return out.String()
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			switch escaped := p.text[p.at]; escaped {
			case 'n':
				out.WriteByte('\n')
			case 't':
				out.WriteByte('\t')
			default:
				out.WriteByte(escaped)
			}
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// next goes past a comma, and says whether the end of what holds values was
// gone past instead, or the text is over.
func (p *python) next(end byte) (over bool) {
	p.space()
	switch c := p.peek(); {
	case c == ',':
		p.at++
		return false
	case c == end && end != 0:
		p.at++
		return true
	}
	p.at = len(p.text) // not a form that is known
	return true
}

func (p *python) list(end byte) []any {
	out := []any{}
	for p.at < len(p.text) {
		if p.space(); p.peek() == end {
			p.at++
			return out
		}
		out = append(out, p.value(","+string(end)))
		if p.next(end) {
			return out
		}
	}
	return out
}

// dict reads what follows a brace: a dict, or a set, which is read as a list.
func (p *python) dict() any {
	out, set := map[string]any{}, []any{}
	for p.at < len(p.text) {
		if p.space(); p.peek() == '}' {
			p.at++
			break
		}
		key := p.value(":,}")
		if p.space(); p.peek() == ':' {
			p.at++
			out[plain(key)] = p.value(",}")
		} else {
			set = append(set, key)
		}
		if p.next('}') {
			break
		}
	}
	if len(set) > 0 {
		return set
	}
	return out
}

var enumeration = regexp.MustCompile(`^<\w+\.(\w+): (.*)>$`)

// object reads what stands between angle brackets. A member of an enumeration,
// <CompilationMode.NONE: 0>, is its value with its name, "0 (NONE)", as either
// may be asked for; "backed" where they are the same word.
func (p *python) object() any {
	end := strings.IndexByte(p.text[p.at:], '>')
	if end < 0 {
		p.at = len(p.text)
		return nil
	}
	text := p.text[p.at : p.at+end+1]
	p.at += end + 1
	m := enumeration.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	value := plain((&python{text: m[2], depth: p.depth}).value(""))
	if strings.EqualFold(value, m[1]) {
		return value
	}
	return value + " (" + m[1] + ")"
}

var (
	calledName = regexp.MustCompile(`^[A-Za-z_][\w.]*$`)
	fieldName  = regexp.MustCompile(`^([A-Za-z_]\w*)=`)
)

// word reads up to one of the ends: None, True, a number, a word as vLLM logs
// them without quotes, or a call, KernelConfig(moe_backend='auto').
func (p *python) word(ends string) any {
	begun := p.at
	for p.at < len(p.text) && !strings.ContainsRune(ends, rune(p.text[p.at])) {
		if p.text[p.at] == '(' && calledName.MatchString(p.text[begun:p.at]) {
			p.at++
			fields, others := p.arguments(')')
			switch {
			case len(fields) > 0 || len(others) == 0:
				return fields
			case len(others) == 1:
				return others[0]
			}
			return others
		}
		p.at++
	}
	return word(strings.TrimSpace(p.text[begun:p.at]))
}

var pythonNumber = regexp.MustCompile(`^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$`)

func word(text string) any {
	switch text {
	case "None":
		return nil
	case "True", "False":
		return text == "True"
	}
	if pythonNumber.MatchString(text) {
		return json.Number(text)
	}
	return text
}

// arguments reads those of a call up to its end, or with 0 all of the text:
// those with names, and the others.
func (p *python) arguments(end byte) (named map[string]any, others []any) {
	named = map[string]any{}
	ends := ","
	if end != 0 {
		ends += string(end)
	}
	for p.at < len(p.text) {
		if p.space(); end != 0 && p.peek() == end {
			p.at++
			break
		}
		if m := fieldName.FindStringSubmatch(p.text[p.at:]); m != nil {
			p.at += len(m[0])
			named[m[1]] = p.value(ends)
		} else {
			others = append(others, p.value(ends))
		}
		if p.next(end) {
			break
		}
	}
	return named, others
}

// plain is a value as a flag is written: "" for None, a list as JSON.
func plain(value any) string {
	switch v := value.(type) {
	case string:
		return strings.TrimPrefix(v, "torch.")
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		text, err := json.Marshal(v)
		if err != nil { // a number that JSON does not know
			return ""
		}
		return string(text)
	}
	return ""
}
