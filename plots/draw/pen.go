package draw

import (
	"image/color"
	"math"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
)

// Pen draws on a gonum/plot canvas. Without a canvas it only measures text, and
// drawing leaves no trace.
type Pen struct {
	canvas vg.Canvas
	Theme  Theme
	fonts  *font.Cache
	Cut    bool // an interval was drawn that ends at the edge of its axis
}

func NewPen(c vg.Canvas, t Theme) *Pen {
	return &Pen{canvas: c, Theme: t, fonts: font.NewCache(liberation.Collection())}
}

// TextStyle is how a piece of text looks.
type TextStyle struct {
	Size  vg.Length
	Bold  bool
	Color color.NRGBA
}

// Horizontal alignments of text: the part of its width left of the point.
const (
	AlignLeft   = 0.0
	AlignCentre = 0.5
	AlignRight  = 1.0
)

func (p *Pen) face(s TextStyle) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if s.Bold {
		f.Weight = xfont.WeightBold
	}
	return p.fonts.Lookup(f, s.Size)
}

func (p *Pen) Width(text string, s TextStyle) vg.Length {
	f := p.face(s)
	return f.Width(text)
}

// Text writes with its baseline at at.
func (p *Pen) Text(at vg.Point, text string, s TextStyle, align float64) {
	if text == "" || p.canvas == nil || !onPage(at) {
		return
	}
	f := p.face(s)
	at.X -= vg.Length(align) * f.Width(text)
	p.canvas.SetColor(s.Color)
	p.canvas.FillString(f, at, text)
}

// TextMiddle writes with the middle of its capitals at at. Capitals of
// Liberation Sans are 0.69 of the size high.
func (p *Pen) TextMiddle(at vg.Point, text string, s TextStyle, align float64) {
	at.Y -= 0.345 * s.Size
	p.Text(at, text, s, align)
}

// Wrap breaks text into at most lines lines of at most width; the last is cut
// with an ellipsis when there is more.
func (p *Pen) Wrap(text string, s TextStyle, width vg.Length, lines int) []string {
	var out []string
	line := ""
	for _, word := range words(text) {
		next := strings.TrimSpace(line + " " + word)
		if line != "" && p.Width(next, s) > width {
			out, next = append(out, line), word
		}
		line = next
	}
	if line != "" {
		out = append(out, line)
	}
	if len(out) > lines {
		out = append(out[:lines-1], strings.Join(out[lines-1:], " "))
	}
	for i := range out {
		out[i] = p.Fit(out[i], s, width)
	}
	return out
}

// balanced is wrap with lines of about the same length.
func (p *Pen) balanced(text string, s TextStyle, width vg.Length, lines int) []string {
	out := p.Wrap(text, s, width, lines)
	for w := width * 0.97; w > width/2; w -= width * 0.03 {
		next := p.Wrap(text, s, w, lines+1)
		if len(next) > len(out) || strings.Join(next, " ") != strings.Join(out, " ") {
			break
		}
		out = next
	}
	return out
}

// words splits text where a line may break: not before a dot, a per cent sign,
// a unit or a percentile, nor after a comparison or a count.
func words(text string) []string {
	var out []string
	for _, w := range strings.Fields(text) {
		if n := len(out); n > 0 && (slices.Contains([]string{"·", "%", "s", "ms", "tok/s", "req/s", "≤", "≥"}, w) ||
			isPercentile(w) || strings.Trim(out[n-1], "0123456789") == "" || strings.HasSuffix(out[n-1], "≤") || strings.HasSuffix(out[n-1], "≥") || out[n-1] == "run") {
			out[n-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}

func isPercentile(w string) bool { return len(w) > 1 && w[0] == 'p' && w[1] >= '0' && w[1] <= '9' }

// Fit cuts text at its end until it is at most width wide.
func (p *Pen) Fit(text string, s TextStyle, width vg.Length) string {
	if p.Width(text, s) <= width {
		return text
	}
	r := []rune(text)
	for len(r) > 1 && p.Width(string(r)+"…", s) > width {
		r = r[:len(r)-1]
	}
	return strings.TrimRight(string(r), " ,·=") + "…"
}

// Hyphened breaks a flag's name at a hyphen where it is too long for one line.
func (p *Pen) Hyphened(name string, s TextStyle, width vg.Length) []string {
	if p.Width(name, s) <= width {
		return []string{name}
	}
	cut := -1
	for i, r := range name {
		if r == '-' && p.Width(name[:i+1], s) <= width {
			cut = i + 1
		}
	}
	if cut < 0 {
		return []string{p.Fit(name, s, width)}
	}
	return []string{name[:cut], p.Fit(name[cut:], s, width)}
}

// LineStyle is how a stroke looks.
type LineStyle struct {
	Width vg.Length
	Color color.NRGBA
	Dash  []vg.Length
}

func (p *Pen) Line(s LineStyle, pts ...vg.Point) {
	if len(pts) < 2 {
		return
	}
	p.Stroke(s, Polyline(pts))
}

// fits says whether a path has a place on any page: one beyond the largest,
// or not a number, would keep a rasteriser busy for ever.
func fits(path vg.Path) bool {
	return !slices.ContainsFunc(path, func(c vg.PathComp) bool { return !onPage(c.Pos) })
}

func onPage(at vg.Point) bool {
	const largest = 1e5 // points, 35 m
	return math.Abs(float64(at.X)) <= largest && math.Abs(float64(at.Y)) <= largest
}

func (p *Pen) Stroke(s LineStyle, path vg.Path) {
	if p.canvas == nil || !fits(path) {
		return
	}
	p.canvas.SetColor(s.Color)
	p.canvas.SetLineWidth(s.Width)
	p.canvas.SetLineDash(s.Dash, 0)
	p.canvas.Stroke(path)
	p.canvas.SetLineDash(nil, 0)
}

func (p *Pen) Fill(c color.NRGBA, path vg.Path) {
	if p.canvas == nil || !fits(path) {
		return
	}
	p.canvas.SetColor(c)
	p.canvas.Fill(path)
}

func (p *Pen) FillRect(c color.NRGBA, r vg.Rectangle) { p.Fill(c, r.Path()) }

// Shape is the form of a marker.
type Shape int

const (
	Circle Shape = iota
	Square
	triangle
	diamond
	wedge // triangle pointing down
	Shapes
)

// Outline is the path of a marker; shapes are scaled to look equally big.
func (s Shape) Outline(at vg.Point, r vg.Length) vg.Path {
	switch s {
	case Square:
		return polygon(at, r*1.2, math.Pi/4, 4)
	case triangle:
		return polygon(at, r*1.3, math.Pi/2, 3)
	case diamond:
		return polygon(at, r*1.25, 0, 4)
	case wedge:
		return polygon(at, r*1.3, -math.Pi/2, 3)
	default:
		var p vg.Path
		p.Move(vg.Point{X: at.X + r, Y: at.Y})
		p.Arc(at, r, 0, 2*math.Pi)
		p.Close()
		return p
	}
}

// Marker draws a point over a halo in the background's colour.
func (p *Pen) Marker(s Shape, at vg.Point, r vg.Length, c color.NRGBA, filled bool) {
	p.Fill(p.Theme.Background, s.Outline(at, r+1.6))
	if filled {
		p.Fill(c, s.Outline(at, r))
		return
	}
	p.Stroke(LineStyle{Width: r * 0.38, Color: c}, s.Outline(at, r*0.84))
}

func polygon(at vg.Point, r vg.Length, start float64, n int) vg.Path {
	pts := make([]vg.Point, n)
	for i := range pts {
		sin, cos := math.Sincos(start + 2*math.Pi*float64(i)/float64(n))
		pts[i] = vg.Point{X: at.X + r*vg.Length(cos), Y: at.Y + r*vg.Length(sin)}
	}
	path := Polyline(pts)
	path.Close()
	return path
}

func Polyline(pts []vg.Point) vg.Path {
	var path vg.Path
	path.Move(pts[0])
	for _, q := range pts[1:] {
		path.Line(q)
	}
	return path
}

// Arrow draws a line with a head at its end.
func (p *Pen) Arrow(s LineStyle, from, to vg.Point) {
	p.Line(s, from, to)
	a := math.Atan2(float64(to.Y-from.Y), float64(to.X-from.X))
	for _, turn := range []float64{0.5, -0.5} {
		sin, cos := math.Sincos(a + math.Pi + turn)
		p.Line(s, to, vg.Point{X: to.X + 7*vg.Length(cos), Y: to.Y + 7*vg.Length(sin)})
	}
}

// Cross marks a failure.
func (p *Pen) Cross(at vg.Point, r vg.Length, c color.NRGBA) {
	s := LineStyle{Width: max(r*0.5, 1), Color: c}
	p.Line(s, vg.Point{X: at.X - r, Y: at.Y - r}, vg.Point{X: at.X + r, Y: at.Y + r})
	p.Line(s, vg.Point{X: at.X - r, Y: at.Y + r}, vg.Point{X: at.X + r, Y: at.Y - r})
}
