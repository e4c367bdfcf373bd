package draw

import "gonum.org/v1/plot/vg"

// Frame is what surrounds a drawing: title and subtitle flush left above it,
// the caption below, all wrapped to the width.
type Frame struct {
	Width, Height            vg.Length
	title, subtitle, caption []string
}

// NewFrame wraps its words; the drawing gets what height leaves. With body > 0
// the height is chosen such that the drawing gets that much.
func NewFrame(title, subtitle, caption string, width, height, body vg.Length) Frame {
	p := NewPen(nil, Light())
	inner := width - 2*MarginX
	out := Frame{
		Width: width, Height: height,
		title:    p.balanced(title, titleStyle(p.Theme), inner, 3),
		subtitle: p.balanced(subtitle, subtitleStyle(p.Theme), inner, 3),
		caption:  p.Wrap(caption, captionStyle(p.Theme), inner, 4),
	}
	if body > 0 {
		out.Height = body + out.head() + out.foot()
	}
	return out
}

func titleStyle(t Theme) TextStyle    { return TextStyle{Size: sizeTitle, Bold: true, Color: t.Ink} }
func subtitleStyle(t Theme) TextStyle { return TextStyle{Size: sizeSubtitle, Color: t.Muted} }
func captionStyle(t Theme) TextStyle  { return TextStyle{Size: sizeCaption, Color: t.Muted} }

// Line heights as multiples of the size.
const (
	titleLeading   = 1.22
	textLeading    = 1.4
	gapBelowTitle  = vg.Length(5)
	gapBelowHead   = vg.Length(14)
	gapAboveFooter = vg.Length(14)
)

func (f Frame) head() vg.Length {
	return marginTop + vg.Length(len(f.title))*sizeTitle*titleLeading + gapBelowTitle +
		vg.Length(len(f.subtitle))*sizeSubtitle*textLeading + gapBelowHead
}

func (f Frame) foot() vg.Length {
	return gapAboveFooter + vg.Length(len(f.caption))*sizeCaption*textLeading + marginBottom
}

// words writes title, subtitle and caption.
func (f Frame) words(p *Pen) {
	y := f.Height - marginTop
	for _, line := range f.title {
		p.Text(vg.Point{X: MarginX, Y: y - sizeTitle*0.8}, line, titleStyle(p.Theme), AlignLeft)
		y -= sizeTitle * titleLeading
	}
	y -= gapBelowTitle
	for _, line := range f.subtitle {
		p.Text(vg.Point{X: MarginX, Y: y - sizeSubtitle*0.85}, line, subtitleStyle(p.Theme), AlignLeft)
		y -= sizeSubtitle * textLeading
	}
	y = f.foot() - gapAboveFooter
	for _, line := range f.caption {
		p.Text(vg.Point{X: MarginX, Y: y - sizeCaption*0.85}, line, captionStyle(p.Theme), AlignLeft)
		y -= sizeCaption * textLeading
	}
}

// Area is what the words leave for the drawing.
func (f Frame) Area() vg.Rectangle {
	return vg.Rectangle{
		Min: vg.Point{X: MarginX, Y: f.foot()}, Max: vg.Point{X: f.Width - MarginX, Y: f.Height - f.head()},
	}
}
