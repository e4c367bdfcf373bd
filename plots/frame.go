package plots

import "gonum.org/v1/plot/vg"

// frame is what surrounds a drawing: title and subtitle flush left above it,
// the caption below, all wrapped to the width.
type frame struct {
	width, height            vg.Length
	title, subtitle, caption []string
}

// newFrame wraps the words of f; the drawing gets what height leaves. With
// body > 0 the height is chosen such that the drawing gets that much.
func newFrame(f Figure, width, height, body vg.Length) frame {
	p := newPen(nil, Light())
	inner := width - 2*marginX
	out := frame{
		width: width, height: height,
		title:    p.balanced(f.Title, titleStyle(p.theme), inner, 3),
		subtitle: p.balanced(f.Subtitle, subtitleStyle(p.theme), inner, 3),
		caption:  p.wrap(f.Caption, captionStyle(p.theme), inner, 4),
	}
	if body > 0 {
		out.height = body + out.head() + out.foot()
	}
	return out
}

func titleStyle(t Theme) textStyle    { return textStyle{size: sizeTitle, bold: true, color: t.Ink} }
func subtitleStyle(t Theme) textStyle { return textStyle{size: sizeSubtitle, color: t.Muted} }
func captionStyle(t Theme) textStyle  { return textStyle{size: sizeCaption, color: t.Muted} }

// Line heights as multiples of the size.
const (
	titleLeading   = 1.22
	textLeading    = 1.4
	gapBelowTitle  = vg.Length(5)
	gapBelowHead   = vg.Length(14)
	gapAboveFooter = vg.Length(14)
)

func (f frame) head() vg.Length {
	return marginTop + vg.Length(len(f.title))*sizeTitle*titleLeading + gapBelowTitle +
		vg.Length(len(f.subtitle))*sizeSubtitle*textLeading + gapBelowHead
}

func (f frame) foot() vg.Length {
	return gapAboveFooter + vg.Length(len(f.caption))*sizeCaption*textLeading + marginBottom
}

// draw writes the words and returns the area for the drawing.
func (f frame) draw(p *pen) vg.Rectangle {
	y := f.height - marginTop
	for _, line := range f.title {
		p.text(vg.Point{X: marginX, Y: y - sizeTitle*0.8}, line, titleStyle(p.theme), alignLeft)
		y -= sizeTitle * titleLeading
	}
	y -= gapBelowTitle
	for _, line := range f.subtitle {
		p.text(vg.Point{X: marginX, Y: y - sizeSubtitle*0.85}, line, subtitleStyle(p.theme), alignLeft)
		y -= sizeSubtitle * textLeading
	}
	y = f.foot() - gapAboveFooter
	for _, line := range f.caption {
		p.text(vg.Point{X: marginX, Y: y - sizeCaption*0.85}, line, captionStyle(p.theme), alignLeft)
		y -= sizeCaption * textLeading
	}
	return f.area()
}

// area is what the words leave for the drawing.
func (f frame) area() vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: marginX, Y: f.foot()}, Max: vg.Point{X: f.width - marginX, Y: f.height - f.head()}}
}
