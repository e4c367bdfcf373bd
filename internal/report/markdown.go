package report

import (
	"bytes"
	_ "embed"
	"strings"
	"text/template"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

//go:embed summary.md.tmpl
var summaryTemplate string

// renderMarkdown renders what a pull request needs of the page.
func renderMarkdown(p *page) ([]byte, error) {
	t, err := template.New(rundir.SummaryFile).Funcs(template.FuncMap{
		"md": markdownText, "code": markdownCode, "fence": fenced, "url": markdownURL,
	}).Parse(summaryTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// textLimit bounds a text in a table or list of the summary, in characters.
const textLimit = 400

// markdownText escapes text so that it stays text: on one line, and with no
// character that Markdown or HTML would take as markup.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range say.Line(s, textLimit) {
		switch r {
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '\\', '`', '*', '_', '[', ']', '|', '#', '~', '@':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// markdownCode is s as inline code that also survives inside a table.
func markdownCode(s string) string {
	s = strings.ReplaceAll(say.Line(s, textLimit), "|", `\|`)
	tick := strings.Repeat("`", longestRun(s)+1)
	if s == "" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return tick + s + tick
}

// fenced is s as a code block.
func fenced(language, s string) string {
	fence := strings.Repeat("`", max(3, longestRun(s)+1))
	return fence + language + "\n" + strings.TrimRight(s, "\n") + "\n" + fence
}

// longestRun is the length of the longest run of backticks.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		if r == '`' {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// markdownURL escapes a relative path for a link target.
func markdownURL(s string) string {
	return strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "\n", "%0A", `\`, "%5C", `"`, "%22").Replace(s)
}
