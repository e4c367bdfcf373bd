package report

import (
	"fmt"
	"html/template"
	"regexp"
	"strings"
)

// palette collects the colours of the page's drawings: each pair of a light
// and a dark colour is one CSS variable, so that a drawing stands on the page
// once for both themes.
type palette struct {
	names map[[2]string]string
	pairs [][2]string
}

var hexColour = regexp.MustCompile(`#[0-9A-Fa-f]{6}\b`)

// merge returns the light drawing with variables for its colours; false when
// the dark one differs in more than colours.
func (p *palette) merge(light, dark string) (string, bool) {
	plain := func(svg string) string { return hexColour.ReplaceAllString(svg, "#") }
	if plain(light) != plain(dark) {
		return "", false
	}
	darks := hexColour.FindAllString(dark, -1)
	i := 0
	return hexColour.ReplaceAllStringFunc(light, func(c string) string {
		pair := [2]string{strings.ToLower(c), strings.ToLower(darks[i])}
		i++
		return "var(--" + p.name(pair) + ")"
	}), true
}

func (p *palette) name(pair [2]string) string {
	if p.names == nil {
		p.names = map[[2]string]string{}
	}
	if p.names[pair] == "" {
		p.names[pair] = fmt.Sprintf("k%d", len(p.pairs))
		p.pairs = append(p.pairs, pair)
	}
	return p.names[pair]
}

// style defines the variables. Printed pages are light.
func (p *palette) style() template.CSS {
	if p == nil || len(p.pairs) == 0 {
		return ""
	}
	var light, dark strings.Builder
	for i, pair := range p.pairs {
		fmt.Fprintf(&light, "--k%d:%s;", i, pair[0])
		fmt.Fprintf(&dark, "--k%d:%s;", i, pair[1])
	}
	return template.CSS(":root{" + light.String() + "}\n@media screen and (prefers-color-scheme: dark){:root{" + dark.String() + "}}\n")
}
