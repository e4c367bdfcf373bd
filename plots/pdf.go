package plots

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// WritePDF writes the picture as a page of its own size, with text that can be
// searched and copied. Signs that the page's character set (Windows-1252) lacks
// are written with others: "<=" for "≤".
func (f Figure) WritePDF(w io.Writer, theme Theme) error {
	c := newPDFCanvas(f.frame.width, f.frame.height)
	c.doc.SetTitle(f.Title, true)
	f.draw(newPen(c, theme))
	if err := c.doc.Output(w); err != nil {
		return fmt.Errorf("figure %s: %w", f.Name, err)
	}
	return nil
}

// pdfCanvas is a vg.Canvas on a PDF page, as far as a pen needs one. It stands
// in for vgpdf v0.17.0, which embeds a regular and a bold font as one and the
// same, and darkens what is translucent. Its text is set in Helvetica, which
// every reader has and whose widths are those of Liberation Sans, by which
// figures are laid out.
type pdfCanvas struct {
	doc    *fpdf.Fpdf
	height vg.Length
}

func newPDFCanvas(width, height vg.Length) *pdfCanvas {
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: width.Points(), Ht: height.Points()}})
	always := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // so that the same input gives the same bytes
	doc.SetCreationDate(always)
	doc.SetModificationDate(always)
	doc.SetCatalogSort(true)
	doc.SetAutoPageBreak(false, 0)
	doc.AddPage()
	return &pdfCanvas{doc: doc, height: height}
}

// Size is that of the page.
func (c *pdfCanvas) Size() (x, y vg.Length) {
	w, _ := c.doc.GetPageSize()
	return vg.Points(w), c.height
}

// SetLineWidth sets the width of strokes.
func (c *pdfCanvas) SetLineWidth(w vg.Length) { c.doc.SetLineWidth(w.Points()) }

// SetLineDash sets the dashes of strokes; none: a whole line.
func (c *pdfCanvas) SetLineDash(pattern []vg.Length, offset vg.Length) {
	dashes := make([]float64, len(pattern))
	for i, d := range pattern {
		dashes[i] = d.Points()
	}
	c.doc.SetDashPattern(dashes, offset.Points())
}

// SetColor sets the colour of all that follows.
func (c *pdfCanvas) SetColor(clr color.Color) {
	q := color.NRGBAModel.Convert(clr).(color.NRGBA)
	r, g, b := int(q.R), int(q.G), int(q.B)
	c.doc.SetFillColor(r, g, b)
	c.doc.SetDrawColor(r, g, b)
	c.doc.SetTextColor(r, g, b)
	c.doc.SetAlpha(float64(q.A)/255, "Normal")
}

// A pen neither moves the origin nor turns the page.

// Rotate does nothing.
func (c *pdfCanvas) Rotate(float64) {}

// Translate does nothing.
func (c *pdfCanvas) Translate(vg.Point) {}

// Scale does nothing.
func (c *pdfCanvas) Scale(float64, float64) {}

// Push does nothing.
func (c *pdfCanvas) Push() {}

// Pop does nothing.
func (c *pdfCanvas) Pop() {}

// DrawImage does nothing: figures hold none.
func (c *pdfCanvas) DrawImage(vg.Rectangle, image.Image) {}

// Stroke draws along a path.
func (c *pdfCanvas) Stroke(p vg.Path) { c.path(p, "D") }

// Fill fills a path.
func (c *pdfCanvas) Fill(p vg.Path) { c.path(p, "F") }

// path follows p and draws it; the page's y axis points down.
func (c *pdfCanvas) path(p vg.Path, style string) {
	y := func(v vg.Length) float64 { return (c.height - v).Points() }
	for _, q := range p {
		switch q.Type {
		case vg.MoveComp:
			c.doc.MoveTo(q.Pos.X.Points(), y(q.Pos.Y))
		case vg.LineComp:
			c.doc.LineTo(q.Pos.X.Points(), y(q.Pos.Y))
		case vg.ArcComp: // markers only: whole circles, from where the path stands
			const steps = 32
			for i := 1; i <= steps; i++ {
				sin, cos := math.Sincos(q.Start + q.Angle*float64(i)/steps)
				c.doc.LineTo((q.Pos.X + q.Radius*vg.Length(cos)).Points(), y(q.Pos.Y+q.Radius*vg.Length(sin)))
			}
		case vg.CloseComp:
			c.doc.ClosePath()
		}
	}
	c.doc.DrawPath(style)
}

// FillString writes text with its baseline at at.
func (c *pdfCanvas) FillString(f font.Face, at vg.Point, text string) {
	style := ""
	if f.Font.Weight == xfont.WeightBold {
		style = "B"
	}
	c.doc.SetFont("Helvetica", style, f.Font.Size.Points())
	c.doc.Text(at.X.Points(), (c.height - at.Y).Points(), windows1252(text))
}

// windows1252 encodes text. Beside Latin-1 it knows the signs that figures use.
func windows1252(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80 || r >= 0xA0 && r <= 0xFF:
			out.WriteByte(byte(r))
		case r == '…':
			out.WriteByte(0x85)
		case r == '’':
			out.WriteByte(0x92)
		case r == '‘':
			out.WriteByte(0x91)
		case r == '“':
			out.WriteByte(0x93)
		case r == '”':
			out.WriteByte(0x94)
		case r == '–', r == '−':
			out.WriteByte(0x96)
		case r == '—':
			out.WriteByte(0x97)
		case r == '€':
			out.WriteByte(0x80)
		case r == '≤':
			out.WriteString("<=")
		case r == '≥':
			out.WriteString(">=")
		case r == '→':
			out.WriteString(">")
		case r == '←':
			out.WriteString("<")
		case r == '↑':
			out.WriteString("^")
		default:
			out.WriteByte('?')
		}
	}
	return out.String()
}
