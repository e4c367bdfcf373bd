package report

import (
	"fmt"
	"html/template"
	"path"
	"strings"
)

// figureView is a figure ready for the page.
type figureView struct {
	ID      string
	Title   string
	Caption string
	Light   template.HTML // sanitised by inlineSVG
	Dark    template.HTML
	Broken  string // why it could not be embedded
	Files   []link
	Image   string // a file that Markdown can show, PNG first; may be empty
}

// newFigure embeds the drawings. A drawing that cannot be embedded leaves its
// reason in its place: the report must not be lost to a figure.
func newFigure(i int, f Figure) figureView {
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
	if len(f.DarkSVG) > 0 {
		dark, err := inlineSVG(f.DarkSVG, fmt.Sprintf("f%dd-", i+1), label)
		if err != nil {
			v.Broken = err.Error()
		}
		v.Dark = template.HTML(dark)
	}
	for _, file := range f.Files {
		v.Files = append(v.Files, link{path.Ext(file), file})
		if ext := path.Ext(file); ext == ".png" || ext == ".svg" && v.Image == "" {
			v.Image = file
		}
	}
	return v
}
