package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"strings"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var tableScript string

//go:embed explore.js
var exploreScript string

// htmlPage is what the template sees besides the page itself.
type htmlPage struct {
	*page
	Policy string
	Style  template.CSS
	Script template.JS
}

// renderHTML renders the page as one file that needs no network. The policy
// forbids every request and every script but the page's own, which it names by
// its hash: text that slipped through escaping could still not run.
func renderHTML(p *page) ([]byte, error) {
	t, err := template.New(rundir.PageFile).Funcs(template.FuncMap{"pieces": pieces}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	script := tableScript + exploreScript
	hash := sha256.Sum256([]byte(script))
	policy := "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"
	var b bytes.Buffer
	err = t.Execute(&b, htmlPage{
		page: p, Policy: policy, Style: p.colours.style() + template.CSS(pageStyle), Script: template.JS(script),
	})
	return b.Bytes(), err
}

// pieces splits a command line before each flag, so that the page can break
// lines there and nowhere else. Joined by spaces they are the line again.
func pieces(line string) []string {
	parts := strings.Split(line, " --")
	for i := range parts[1:] {
		parts[i+1] = "--" + parts[i+1]
	}
	return parts
}
