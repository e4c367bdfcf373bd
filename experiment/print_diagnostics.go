package experiment

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Formats in which diagnostics can be written.
const (
	FormatText   = "text"
	FormatJSON   = "json"
	FormatGitHub = "github-actions"
)

// Write renders the diagnostics in one of the formats; colour applies to text.
func (ds Diagnostics) Write(w io.Writer, format string, colour bool) error {
	switch format {
	case FormatText:
		return ds.WriteText(w, colour)
	case FormatJSON:
		return ds.WriteJSON(w)
	case FormatGitHub:
		return ds.WriteGitHub(w)
	default:
		return fmt.Errorf("unknown format %q: want %s, %s or %s", format, FormatText, FormatJSON, FormatGitHub)
	}
}

// WriteJSON writes the diagnostics as one indented JSON array.
func (ds Diagnostics) WriteJSON(w io.Writer) error {
	if ds == nil {
		ds = Diagnostics{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(ds)
}

// WriteGitHub writes one workflow command per diagnostic, which GitHub Actions
// shows as an annotation of the line.
func (ds Diagnostics) WriteGitHub(w io.Writer) error {
	// GitHub's own escapes: docs.github.com, "Workflow commands".
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, d := range ds {
		text := d.Summary
		for _, more := range []string{d.Label, d.Help} {
			if more != "" {
				text += "\n" + more
			}
		}
		place := "file=" + property.Replace(d.Range.File)
		if d.Range.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d,endColumn=%d", d.Range.Line, d.Range.Column, d.Range.EndColumn)
		}
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", d.Severity, place, message.Replace(text)); err != nil {
			return err
		}
	}
	return nil
}

// WriteText renders the diagnostics for people, with the line and a caret,
// separated by empty lines.
func (ds Diagnostics) WriteText(w io.Writer, colour bool) error {
	var b strings.Builder
	for i, d := range ds {
		if i > 0 {
			b.WriteByte('\n')
		}
		textRenderer{&b, colour}.diagnostic(d)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ANSI styles of the text form.
const (
	red    = "1;31"
	yellow = "1;33"
	blue   = "1;34"
	bold   = "1"
)

type textRenderer struct {
	b      *strings.Builder
	colour bool
}

func (t textRenderer) paint(style, s string) string {
	if !t.colour || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (t textRenderer) diagnostic(d Diagnostic) {
	style := red
	if d.Severity == Warning {
		style = yellow
	}
	fmt.Fprintf(t.b, "%s%s\n", t.paint(style, string(d.Severity)), t.paint(bold, ": "+printable(d.Summary)))
	width := len(strconv.Itoa(d.Range.Line))
	for _, r := range d.Related {
		width = max(width, len(strconv.Itoa(r.Range.Line)))
	}
	gutter := strings.Repeat(" ", width)
	t.snippet(gutter, "-->", d.Range, '^', style, d.Label)
	for _, r := range d.Related {
		t.snippet(gutter, ":::", r.Range, '-', blue, r.Label)
	}
	if d.Help != "" {
		for i, line := range strings.Split(d.Help, "\n") {
			lead := "= help:"
			if i > 0 {
				lead = "       "
			}
			fmt.Fprintf(t.b, "%s %s %s\n", gutter, t.paint(blue, lead), printable(line))
		}
	}
}

// snippet writes the place, the line and the underline with its label.
func (t textRenderer) snippet(gutter, arrow string, r Range, mark rune, style, label string) {
	if r.Line == 0 {
		fmt.Fprintf(t.b, "%s%s %s\n", gutter, t.paint(blue, arrow), printable(r.File))
		if label != "" {
			fmt.Fprintf(t.b, "%s %s %s\n", gutter, t.paint(blue, "="), printable(label))
		}
		return
	}
	fmt.Fprintf(t.b, "%s%s %s:%d:%d\n", gutter, t.paint(blue, arrow), printable(r.File), r.Line, r.Column)
	line, start, length := window(r)
	bar := t.paint(blue, "|")
	fmt.Fprintf(t.b, "%s %s\n", gutter, bar)
	number := strconv.Itoa(r.Line)
	fmt.Fprintf(t.b, "%s%s %s %s\n", t.paint(blue, number), gutter[len(number):], bar, line)
	under := strings.Repeat(string(mark), length)
	if label != "" {
		under += " " + printable(label)
	}
	fmt.Fprintf(t.b, "%s %s %s%s\n", gutter, bar, strings.Repeat(" ", start), t.paint(style, under))
}

// windowWidth is the longest part of a source line that is shown, in runes.
const windowWidth = 160

// window returns the line as shown and where the underline goes, in shown
// runes. Tabs are shown as two spaces and a long line is cut around the place.
func window(r Range) (line string, start, length int) {
	runes := []rune(r.Text)
	from := 0
	if r.Column > windowWidth {
		from = r.Column - windowWidth/2
	}
	var b strings.Builder
	shown := 0
	for i := from; i < len(runes) && shown < windowWidth; i++ {
		text := printable(string(runes[i]))
		if runes[i] == '\t' {
			text = "  "
		}
		n := len([]rune(text))
		switch column := i + 1; {
		case column < r.Column:
			start += n
		case column < r.EndColumn:
			length += n
		}
		b.WriteString(text)
		shown += n
	}
	return strings.TrimRight(b.String(), " "), start, max(length, 1)
}

// printable replaces control characters, which could drive a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) && !unicode.IsSpace(r) || r == '\r' || r == '\n' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
