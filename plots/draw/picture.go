package draw

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// WritePNG writes the frame and what body draws in it, with two pixels a point.
func (f Frame) WritePNG(w io.Writer, theme Theme, body func(*Pen, vg.Rectangle)) error {
	c := vgimg.NewWith(
		vgimg.UseWH(f.Width, f.Height), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(theme.Background),
	)
	f.Draw(NewPen(c, theme), body)
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// FontStack names Liberation Sans first and then fonts of the same metrics, so
// that labels look as measured without an embedded font.
const FontStack = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif"

// WriteSVG writes the frame and what body draws in it, scalable, with its text
// as text, and with title and description for readers that do not see it. IDs
// in it begin with id.
func (f Frame) WriteSVG(
	w io.Writer, theme Theme, body func(*Pen, vg.Rectangle), id, title, description string,
) error {
	c := &svgCanvas{Canvas: vgsvg.NewWith(vgsvg.UseWH(f.Width, f.Height))}
	f.Draw(NewPen(c, theme), body)
	content, err := c.body()
	if err != nil {
		return err
	}
	width, height := f.Width.Points(), f.Height.Points()
	const head = `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" role="img" ` +
		`aria-labelledby="%s-title %s-desc">
<title id="%s-title">%s</title>
<desc id="%s-desc">%s</desc>
<g transform=%s`
	_, err = fmt.Fprintf(w, head, width, height, width, height, id, id,
		id, html.EscapeString(title), id, html.EscapeString(description), content)
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
		out.WriteString(strings.ReplaceAll(part, "font-family:Liberation Sans;font-variant:normal;", FontStack+";"))
	}
	return out.String(), nil
}

// Draw draws the frame and then the body.
func (f Frame) Draw(p *Pen, body func(*Pen, vg.Rectangle)) {
	p.FillRect(p.Theme.Background, vg.Rectangle{Max: vg.Point{X: f.Width, Y: f.Height}})
	f.words(p)
	body(p, f.Area())
}
