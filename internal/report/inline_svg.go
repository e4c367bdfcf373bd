package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
)

// svgElements are the elements that an embedded drawing may hold: shapes, text
// and what they refer to; nothing that runs, loads or leaves the drawing.
var svgElements = []string{
	"svg", "g", "defs", "symbol", "use", // not title and desc: the label says as much
	"path", "rect", "circle", "ellipse", "line", "polyline", "polygon",
	"text", "tspan", "clipPath", "mask", "marker", "pattern",
	"linearGradient", "radialGradient", "stop",
}

var (
	localReference = regexp.MustCompile(`url\(\s*["']?#([^"')\s]+)["']?\s*\)`)
	anyReference   = regexp.MustCompile(`(?i)url\(`)
	length         = regexp.MustCompile(`^\s*([0-9.]+)(?:px|pt|in|cm|mm)?\s*$`)
)

// inlineSVG rewrites a drawing for embedding: elements and attributes outside
// the allowed ones are dropped, IDs and references to them get prefix so that
// two drawings on one page cannot clash, the size gives way to a viewBox, and
// the whole becomes one image with a label for those who cannot see it.
func inlineSVG(src []byte, prefix, label string) (string, error) {
	w := svgWriter{prefix: prefix, label: label}
	d := xml.NewDecoder(bytes.NewReader(src))
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read SVG: %w", err)
		}
		if err := w.token(tok); err != nil {
			return "", err
		}
	}
	if len(w.open) > 0 || !w.root {
		return "", errors.New("read SVG: no complete svg element")
	}
	return w.out.String(), nil
}

type svgWriter struct {
	prefix, label string
	out           strings.Builder
	open          []string
	root          bool // the svg element was seen
	dropped       int  // depth inside an element that is left out
}

func (w *svgWriter) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return w.start(t)
	case xml.EndElement:
		return w.end(t)
	case xml.CharData:
		if w.dropped == 0 && len(w.open) > 0 {
			w.out.WriteString(html.EscapeString(string(t)))
		}
	}
	return nil // comments, directives and instructions are left out
}

func (w *svgWriter) start(t xml.StartElement) error {
	name := t.Name.Local
	if w.dropped > 0 || t.Name.Space != "" || !slices.Contains(svgElements, name) {
		w.dropped++
		return nil
	}
	if len(w.open) == 0 && (name != "svg" || w.root) {
		return fmt.Errorf("read SVG: element %s outside the svg element", name)
	}
	attrs := t.Attr
	w.out.WriteString("<" + name)
	if len(w.open) == 0 {
		w.root = true
		attrs = rootAttributes(attrs)
		w.attribute("role", "img")
		w.attribute("aria-label", w.label)
	}
	for _, a := range attrs {
		if v, ok := w.allowed(a); ok {
			w.attribute(a.Name.Local, v)
		}
	}
	w.out.WriteString(">")
	w.open = append(w.open, name)
	return nil
}

func (w *svgWriter) end(t xml.EndElement) error {
	if w.dropped > 0 {
		w.dropped--
		return nil
	}
	if len(w.open) == 0 || w.open[len(w.open)-1] != t.Name.Local {
		return fmt.Errorf("read SVG: unexpected end of element %s", t.Name.Local)
	}
	w.open = w.open[:len(w.open)-1]
	w.out.WriteString("</" + t.Name.Local + ">")
	return nil
}

func (w *svgWriter) attribute(name, value string) {
	w.out.WriteString(" " + name + `="` + html.EscapeString(value) + `"`)
}

// allowed returns the value under which an attribute is kept.
func (w *svgWriter) allowed(a xml.Attr) (string, bool) {
	name, value := a.Name.Local, a.Value
	switch {
	case a.Name.Space == "xmlns" || name == "xmlns":
		return "", false
	case name == "href": // with or without the xlink prefix; inside the drawing only
		if id, ok := strings.CutPrefix(value, "#"); ok {
			return "#" + w.prefix + id, true
		}
		return "", false
	case a.Name.Space != "" || strings.HasPrefix(strings.ToLower(name), "on"):
		return "", false
	case name == "id":
		return w.prefix + value, true
	}
	value = localReference.ReplaceAllString(value, "url(#"+w.prefix+"$1)")
	if rest := strings.ReplaceAll(value, "url(#"+w.prefix, ""); anyReference.MatchString(rest) {
		return "", false
	}
	return compact(name, value), true
}

var (
	longNumber = regexp.MustCompile(`(\d+\.\d)\d+`)
	usualStyle = regexp.MustCompile(`font-family:[^;]*;|font-(?:style|weight|variant):normal;|font-(?:style|weight|variant):normal$`)
)

// compact shortens what is many times on the page: coordinates to a tenth of a
// point, and styles that the page's own style sheet gives.
func compact(name, value string) string {
	switch name {
	case "d", "x", "y", "points", "textLength":
		return longNumber.ReplaceAllString(value, "$1")
	case "style":
		return usualStyle.ReplaceAllString(value, "")
	}
	return value
}

// rootAttributes drops the fixed size in favour of a viewBox, and what the
// writer sets itself.
func rootAttributes(attrs []xml.Attr) []xml.Attr {
	var out []xml.Attr
	var width, height string
	boxed := false
	for _, a := range attrs {
		switch a.Name.Local {
		case "width":
			width = a.Value
		case "height":
			height = a.Value
		case "role", "aria-label", "aria-labelledby":
		default:
			boxed = boxed || a.Name.Local == "viewBox"
			out = append(out, a)
		}
	}
	w, h := length.FindStringSubmatch(width), length.FindStringSubmatch(height)
	if !boxed && w != nil && h != nil {
		box := "0 0 " + w[1] + " " + h[1]
		out = append(out, xml.Attr{Name: xml.Name{Local: "viewBox"}, Value: box})
	}
	return out
}
