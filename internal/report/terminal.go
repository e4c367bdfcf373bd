package report

import (
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
)

// Terminal writes findings as text for a terminal, or for what stands in for
// one: the first screen, the tables of all loads, the details, and two runs
// compared.
type Terminal struct {
	Width int  // columns of the terminal, of which 80 are always used; 0: none known
	Color bool // the terminal shows colors, and they are wanted
}

// The least columns of a terminal that text is made for, and the widest line of
// running text, which is no easier to read on a wide screen.
const (
	usualWidth = 80
	textWidth  = 100
)

func (t Terminal) columns() int { return max(t.Width, usualWidth) }

// Colors of a terminal, as the parameters of SGR (ECMA-48).
const (
	plain  = ""
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "1;32"
	yellow = "33"
)

// paint colors a text whose place on the line has been found.
func (t Terminal) paint(color, text string) string {
	if !t.Color || color == plain || strings.TrimSpace(text) == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// styled is text in one color.
type styled struct{ text, color string }

// padded fills text up with blanks, on the left side where it is a number.
func padded(text string, width int, number bool) string {
	gap := strings.Repeat(" ", max(width-columns(text), 0))
	if number {
		return gap + text
	}
	return text + gap
}

// joined appends the cells of a line in columns of the given widths, each with
// its gap before it, without blanks at the end.
func (t Terminal) joined(cells []styled, widths, gaps []int, number []bool) string {
	var b strings.Builder
	pending := ""
	for i, c := range cells {
		text := padded(say.Clip(c.text, widths[i]), widths[i], number[i])
		trimmed := strings.TrimRight(text, " ")
		pending += strings.Repeat(" ", gaps[i])
		if trimmed != "" {
			b.WriteString(pending + t.paint(c.color, trimmed))
			pending = ""
		}
		pending += text[len(trimmed):]
	}
	return b.String()
}

// writeTable aligns columns, the first right of them to the right. The second
// last column is cut so that lines fit into width.
func writeTable(b *strings.Builder, rows [][]string, right, limit int) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, s := range r {
			width[i] = max(width[i], columns(s))
		}
	}
	total := 2 * len(width)
	for _, n := range width {
		total += n
	}
	long := len(width) - 2
	if over := total - limit; over > 0 {
		width[long] = max(12, width[long]-over)
	}
	for _, r := range rows {
		var line strings.Builder
		for i, s := range r {
			line.WriteString("  " + padded(say.Clip(s, width[i]), width[i], i < right))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// columns counts runes, which are one column each in what is printed here.
func columns(s string) int { return len([]rune(s)) }
