package report

import (
	"fmt"
	"html/template"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// figureView is a figure ready for the page.
type figureView struct {
	ID      string
	Title   string
	Caption string
	Light   template.HTML // sanitised by inlineSVG; for both themes where Dark is empty
	Dark    template.HTML
	Themed  bool   // the drawing follows the page's theme
	Width   int    // most pixels that it shall take, so that letters are about as big in all; 0: unknown
	Broken  string // why it could not be embedded
	Files   []link
	Image   string // a file that Markdown can show, PNG first; may be empty
}

// A kind of figure belongs to a section of the page.
const (
	partFrontier = "frontier" // also the curves and goodput
	partEffects  = "effects"
	partShape    = "distributions"
	partNight    = "timeline"
	partFailures = "failures"
)

func partOf(kind string) string {
	switch kind {
	case "effects", "parameters":
		return partEffects
	case "distribution":
		return partShape
	case "timeline", "drift", "startup":
		return partNight
	case "feasibility":
		return partFailures
	}
	return partFrontier
}

// newFigure embeds the drawings. A drawing that cannot be embedded leaves its
// reason in its place: the report must not be lost to a figure.
func newFigure(i int, f Figure, colours *palette) figureView {
	v := figureView{ID: fmt.Sprintf("figure-%d", i+1), Title: f.Title, Caption: f.Caption}
	if v.Title == "" {
		v.Title = f.Name
	}
	label := strings.TrimSpace(v.Title + ". " + f.Caption)
	light, err := inlineSVG(f.SVG, fmt.Sprintf("f%d-", i+1), label)
	if err != nil {
		v.Broken = err.Error()
	}
	v.Light = template.HTML(light)
	if m := viewBoxWidth.FindStringSubmatch(light); m != nil {
		if w, err := strconv.ParseFloat(m[1], 64); err == nil {
			v.Width = int(w * largest)
		}
	}
	if len(f.DarkSVG) > 0 {
		v.Themed = true
		v.embedDark(i, f, label, light, colours)
	}
	for _, file := range f.Files {
		v.Files = append(v.Files, link{strings.ToUpper(strings.TrimPrefix(path.Ext(file), ".")), file})
		if ext := path.Ext(file); ext == ".png" || ext == ".svg" && v.Image == "" {
			v.Image = file
		}
	}
	return v
}

// largest is how many pixels a point of a drawing takes at most.
const largest = 1.25

var viewBoxWidth = regexp.MustCompile(`viewBox="0 0 ([0-9.]+) `)

// embedDark makes one drawing of two where they differ in colours only.
func (v *figureView) embedDark(i int, f Figure, label, light string, colours *palette) {
	dark, err := inlineSVG(f.DarkSVG, fmt.Sprintf("f%d-", i+1), label)
	if err != nil {
		v.Broken = err.Error()
		return
	}
	if merged, ok := colours.merge(light, dark); ok {
		v.Light = template.HTML(merged)
		return
	}
	if dark, err = inlineSVG(f.DarkSVG, fmt.Sprintf("f%dd-", i+1), label); err != nil {
		v.Broken = err.Error()
	}
	v.Dark = template.HTML(dark)
}
