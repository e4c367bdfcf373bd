package experiment

import "strings"

// source is the text of the file by lines, for places in messages.
type source struct {
	file  string
	lines []string
	runes map[int][]rune // of lines that were asked for, by index
}

// longest is how much of a value is looked at for its place, in characters: a
// file may be one line.
const longest = 256

// text is a line in characters.
func (s *source) text(line int) []rune {
	r, ok := s.runes[line-1]
	if !ok {
		r = []rune(s.lines[line-1])
		s.runes[line-1] = r
	}
	return r
}

func newSource(file string, data []byte) *source {
	lines := strings.Split(string(data), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return &source{file, lines, map[int][]rune{}}
}

// whole is the place that means the file itself.
func (s *source) whole() Range { return Range{File: s.file} }

// at returns the place of n runes.
func (s *source) at(line, column, n int) Range {
	if line < 1 || line > len(s.lines) {
		return s.whole()
	}
	text := s.lines[line-1]
	end := len(s.text(line)) + 1
	column = min(max(column, 1), end)
	return Range{File: s.file, Line: line, Column: column, EndColumn: min(column+max(n, 1), max(end, column+1)), Text: text}
}

// line returns the place of a whole line without its indentation.
func (s *source) line(number int) Range {
	if number < 1 || number > len(s.lines) {
		return s.whole()
	}
	text := s.lines[number-1]
	trimmed := strings.TrimLeft(text, " \t")
	return s.at(number, len([]rune(text))-len([]rune(trimmed))+1, len([]rune(strings.TrimRight(trimmed, " \t"))))
}

// value returns the place of the value that starts at line and column. text
// is its decoded text, which a plain scalar repeats letter by letter. Values
// that go on over further lines are marked to the end of the first.
func (s *source) value(line, column int, text string) Range {
	if line < 1 || line > len(s.lines) {
		return s.whole()
	}
	runes := s.text(line)
	if column < 1 || column > len(runes) {
		return s.at(line, column, 1)
	}
	runes = runes[:min(len(runes), column-1+longest)]
	i := skipProperties(runes, column-1)
	if i >= len(runes) {
		return s.at(line, column, 1)
	}
	n := len([]rune(strings.TrimRight(string(runes[i:]), " \t")))
	switch rest := runes[i:]; rest[0] {
	case '"', '\'':
		n = quotedLength(rest, n)
	case '[', '{':
		n = bracketLength(rest, n)
	default:
		if text != "" && strings.HasPrefix(string(rest), text) {
			n = len([]rune(text))
		}
	}
	return s.at(line, i+1, n)
}

// skipProperties steps over anchors (&name) and tags (!tag) before a value.
func skipProperties(runes []rune, i int) int {
	for i < len(runes) && (runes[i] == '&' || runes[i] == '!') {
		start := i
		for i < len(runes) && runes[i] != ' ' && runes[i] != '\t' {
			i++
		}
		for i < len(runes) && (runes[i] == ' ' || runes[i] == '\t') {
			i++
		}
		if i >= len(runes) {
			return start
		}
	}
	return i
}

// quotedLength is the length of the quoted text at the start of rest, or
// otherwise when it does not end on this line.
func quotedLength(rest []rune, otherwise int) int {
	quote := rest[0]
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote == '"':
			i++
		case rest[i] == quote && quote == '\'' && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote:
			return i + 1
		}
	}
	return otherwise
}

// bracketLength is the length of the flow list or mapping at the start of
// rest, or otherwise when it does not end on this line.
func bracketLength(rest []rune, otherwise int) int {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"', '\'':
			i += quotedLength(rest[i:], len(rest)-i) - 1
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return otherwise
}
