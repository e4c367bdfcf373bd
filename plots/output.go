package plots

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// WritePNG writes the picture with two pixels a point.
func (f Figure) WritePNG(w io.Writer, theme Theme) error {
	c := vgimg.NewWith(vgimg.UseWH(f.frame.width, f.frame.height), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(theme.Background))
	f.draw(newPen(c, theme))
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// fontStack names Liberation Sans first and then fonts of the same metrics, so
// that labels look as measured without an embedded font.
const fontStack = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif"

// WriteSVG writes the picture with its text as text, scalable, with a title
// and a description for readers that do not see it.
func (f Figure) WriteSVG(w io.Writer, theme Theme) error {
	c := &svgCanvas{Canvas: vgsvg.NewWith(vgsvg.UseWH(f.frame.width, f.frame.height))}
	f.draw(newPen(c, theme))
	body, err := c.body()
	if err != nil {
		return fmt.Errorf("figure %s: %w", f.Name, err)
	}
	id := f.Name + "-" + theme.Name
	_, err = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" role="img" aria-labelledby="%s-title %s-desc">
<title id="%s-title">%s</title>
<desc id="%s-desc">%s</desc>
<g transform=%s`, f.frame.width.Points(), f.frame.height.Points(), f.frame.width.Points(), f.frame.height.Points(),
		id, id, id, html.EscapeString(f.Title), id, html.EscapeString(strings.TrimSpace(f.Subtitle+" "+f.Caption)), body)
	return err
}

// svgCanvas remembers how wide each text shall be, because a viewer may have
// none of the fonts of the stack and then take a wider one.
type svgCanvas struct {
	*vgsvg.Canvas
	widths []vg.Length
}

// FillString writes text as the canvas below does.
func (c *svgCanvas) FillString(f font.Face, at vg.Point, text string) {
	c.widths = append(c.widths, f.Width(text))
	c.Canvas.FillString(f, at, text)
}

// body is the drawing from its outermost group on, with the font stack and the
// width of each text.
func (c *svgCanvas) body() (string, error) {
	var buf bytes.Buffer
	if _, err := c.WriteTo(&buf); err != nil {
		return "", err
	}
	_, body, found := strings.Cut(buf.String(), "<g transform=")
	parts := strings.Split(body, "<text ")
	if !found || len(parts) != len(c.widths)+1 {
		return "", fmt.Errorf("SVG canvas: %d texts drawn, %d found", len(c.widths), len(parts)-1)
	}
	var out strings.Builder
	for i, part := range parts {
		if i > 0 {
			fmt.Fprintf(&out, `<text textLength="%.5g" lengthAdjust="spacingAndGlyphs" `, c.widths[i-1].Points())
		}
		out.WriteString(strings.ReplaceAll(part, "font-family:Liberation Sans;font-variant:normal;", fontStack+";"))
	}
	return out.String(), nil
}

// WriteCSV writes the data behind the picture, in base units (seconds, per
// second), with complete labels and all trials' estimates and intervals.
func (f Figure) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.WriteAll(f.records); err != nil {
		return err
	}
	return out.Error()
}

// draw draws the whole figure.
func (f Figure) draw(p *pen) {
	p.fillRect(p.theme.Background, vg.Rectangle{Max: vg.Point{X: f.frame.width, Y: f.frame.height}})
	f.body(p, f.frame.draw(p))
}
