package experiment

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// yamlLine finds the line in messages such as "yaml: line 5: did not find expected key".
var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxHints say what usually lies behind the YAML parser's messages.
var syntaxHints = map[string]string{
	"did not find expected ',' or '}'":                       "a { without its }",
	"did not find expected ',' or ']'":                       "a [ without its ]",
	"did not find expected key":                              "check the indentation and the quotes",
	"could not find expected ':'":                            "a key needs a colon and a space after it",
	"mapping values are not allowed in this context":         "check the indentation, and quote text that contains a colon and a space",
	"found unexpected end of stream":                         "a quote is not closed",
	"found character that cannot start any token":            "quote text that starts with @, ` or %",
	"block sequence entries are not allowed in this context": "put the list on its own lines, or write it as [a, b]",
}

// syntaxDiagnostic turns an error of the YAML parser into a diagnostic.
func syntaxDiagnostic(src *source, data []byte, err error) Diagnostic {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := src.whole()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			at = src.line(min(n, len(src.lines)))
		}
	}
	if tab, ok := src.tabIndent(); ok {
		return fault("yaml-tab", tab, args{"problem": text})
	}
	if anchor, ok := strings.CutPrefix(text, "unknown anchor '"); ok {
		name, _, _ := strings.Cut(anchor, "'")
		return fault("yaml-anchor-unknown", src.find("*"+name, at), args{"problem": text, "anchor": name})
	}
	a := args{"problem": text}
	if hint, ok := syntaxHints[text]; ok {
		a["hint"] = hint
	}
	if n, ok := src.unreadable(data); ok {
		at, a["place"] = src.line(n), "here"
	}
	return fault("yaml-invalid", at, a)
}

// unreadable finds the line on which the fault begins: the one after the
// longest run of first lines that is valid YAML. The parser's own line is
// that of the construct around the fault and often off by one. Long files are
// left to it, because every run of lines is parsed anew.
func (s *source) unreadable(data []byte) (int, bool) {
	const maxLines, maxBytes = 300, 16 << 10
	if len(s.lines) > maxLines || len(data) > maxBytes {
		return 0, false
	}
	good, end := 0, 0
	for i, line := range bytes.SplitAfter(data, []byte("\n")) {
		end += len(line)
		if validYAML(data[:end]) {
			good = i + 1
		}
	}
	for n := good + 1; n <= len(s.lines); n++ {
		if text := strings.TrimSpace(s.lines[n-1]); text != "" && text[0] != '#' {
			return n, true
		}
	}
	return 0, false
}

func validYAML(data []byte) bool {
	dec := newDocuments(data)
	for {
		_, err := decodeDocument(dec)
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// find returns the place of the first occurrence of text, or otherwise.
func (s *source) find(text string, otherwise Range) Range {
	for i, l := range s.lines {
		if before, _, ok := strings.Cut(l, text); ok {
			return s.at(i+1, len([]rune(before))+1, len([]rune(text)))
		}
	}
	return otherwise
}

// tabIndent finds the first tab in the indentation of a line.
func (s *source) tabIndent() (Range, bool) {
	for i, l := range s.lines {
		indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if before, _, ok := strings.Cut(indent, "\t"); ok && strings.TrimSpace(l) != "" {
			return s.at(i+1, len(before)+1, len(indent)-len(before)), true
		}
	}
	return Range{}, false
}
