package plots

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

// pen draws on a gonum/plot canvas. Without a canvas it only measures text, and
// drawing leaves no trace.
type pen struct {
	canvas vg.Canvas
	theme  Theme
	fonts  *font.Cache
	cut    bool // an interval was drawn that ends at the edge of its axis
}

func newPen(c vg.Canvas, t Theme) *pen {
	return &pen{canvas: c, theme: t, fonts: font.NewCache(liberation.Collection())}
}

// textStyle is how a piece of text looks.
type textStyle struct {
	size  vg.Length
	bold  bool
	color color.NRGBA
}

// Horizontal alignments of text: the part of its width left of the point.
const (
	alignLeft   = 0.0
	alignCentre = 0.5
	alignRight  = 1.0
)

func (p *pen) face(s textStyle) font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if s.bold {
		f.Weight = xfont.WeightBold
	}
	return p.fonts.Lookup(f, s.size)
}

func (p *pen) width(text string, s textStyle) vg.Length {
	f := p.face(s)
	return f.Width(text)
}

// text writes with its baseline at at.
func (p *pen) text(at vg.Point, text string, s textStyle, align float64) {
	if text == "" || p.canvas == nil || !onPage(at) {
		return
	}
	f := p.face(s)
	at.X -= vg.Length(align) * f.Width(text)
	p.canvas.SetColor(s.color)
	p.canvas.FillString(f, at, text)
}

// textMiddle writes with the middle of its capitals at at. Capitals of
// Liberation Sans are 0.69 of the size high.
func (p *pen) textMiddle(at vg.Point, text string, s textStyle, align float64) {
	at.Y -= 0.345 * s.size
	p.text(at, text, s, align)
}

// wrap breaks text into at most lines lines of at most width; the last is cut
// with an ellipsis when there is more.
func (p *pen) wrap(text string, s textStyle, width vg.Length, lines int) []string {
	var out []string
	line := ""
	for _, word := range words(text) {
		next := strings.TrimSpace(line + " " + word)
		if line != "" && p.width(next, s) > width {
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
		out[i] = p.fit(out[i], s, width)
	}
	return out
}

// balanced is wrap with lines of about the same length.
func (p *pen) balanced(text string, s textStyle, width vg.Length, lines int) []string {
	out := p.wrap(text, s, width, lines)
	for w := width * 0.97; w > width/2; w -= width * 0.03 {
		next := p.wrap(text, s, w, lines+1)
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

// fit cuts text at its end until it is at most width wide.
func (p *pen) fit(text string, s textStyle, width vg.Length) string {
	if p.width(text, s) <= width {
		return text
	}
	r := []rune(text)
	for len(r) > 1 && p.width(string(r)+"…", s) > width {
		r = r[:len(r)-1]
	}
	return strings.TrimRight(string(r), " ,·=") + "…"
}

// hyphened breaks a flag's name at a hyphen where it is too long for one line.
func (p *pen) hyphened(name string, s textStyle, width vg.Length) []string {
	if p.width(name, s) <= width {
		return []string{name}
	}
	cut := -1
	for i, r := range name {
		if r == '-' && p.width(name[:i+1], s) <= width {
			cut = i + 1
		}
	}
	if cut < 0 {
		return []string{p.fit(name, s, width)}
	}
	return []string{name[:cut], p.fit(name[cut:], s, width)}
}

// lineStyle is how a stroke looks.
type lineStyle struct {
	width vg.Length
	color color.NRGBA
	dash  []vg.Length
}

func (p *pen) line(s lineStyle, pts ...vg.Point) {
	if len(pts) < 2 {
		return
	}
	p.stroke(s, polyline(pts))
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

func (p *pen) stroke(s lineStyle, path vg.Path) {
	if p.canvas == nil || !fits(path) {
		return
	}
	p.canvas.SetColor(s.color)
	p.canvas.SetLineWidth(s.width)
	p.canvas.SetLineDash(s.dash, 0)
	p.canvas.Stroke(path)
	p.canvas.SetLineDash(nil, 0)
}

func (p *pen) fill(c color.NRGBA, path vg.Path) {
	if p.canvas == nil || !fits(path) {
		return
	}
	p.canvas.SetColor(c)
	p.canvas.Fill(path)
}

func (p *pen) fillRect(c color.NRGBA, r vg.Rectangle) { p.fill(c, r.Path()) }

// shape is the form of a marker.
type shape int

const (
	circle shape = iota
	square
	triangle
	diamond
	wedge // triangle pointing down
	shapes
)

// outline is the path of a marker; shapes are scaled to look equally big.
func (s shape) outline(at vg.Point, r vg.Length) vg.Path {
	switch s {
	case square:
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

// marker draws a point over a halo in the background's colour.
func (p *pen) marker(s shape, at vg.Point, r vg.Length, c color.NRGBA, filled bool) {
	p.fill(p.theme.Background, s.outline(at, r+1.6))
	if filled {
		p.fill(c, s.outline(at, r))
		return
	}
	p.stroke(lineStyle{width: r * 0.38, color: c}, s.outline(at, r*0.84))
}

func polygon(at vg.Point, r vg.Length, start float64, n int) vg.Path {
	pts := make([]vg.Point, n)
	for i := range pts {
		sin, cos := math.Sincos(start + 2*math.Pi*float64(i)/float64(n))
		pts[i] = vg.Point{X: at.X + r*vg.Length(cos), Y: at.Y + r*vg.Length(sin)}
	}
	path := polyline(pts)
	path.Close()
	return path
}

func polyline(pts []vg.Point) vg.Path {
	var path vg.Path
	path.Move(pts[0])
	for _, q := range pts[1:] {
		path.Line(q)
	}
	return path
}

// arrow draws a line with a head at its end.
func (p *pen) arrow(s lineStyle, from, to vg.Point) {
	p.line(s, from, to)
	a := math.Atan2(float64(to.Y-from.Y), float64(to.X-from.X))
	for _, turn := range []float64{0.5, -0.5} {
		sin, cos := math.Sincos(a + math.Pi + turn)
		p.line(s, to, vg.Point{X: to.X + 7*vg.Length(cos), Y: to.Y + 7*vg.Length(sin)})
	}
}

// cross marks a failure.
func (p *pen) cross(at vg.Point, r vg.Length, c color.NRGBA) {
	s := lineStyle{width: max(r*0.5, 1), color: c}
	p.line(s, vg.Point{X: at.X - r, Y: at.Y - r}, vg.Point{X: at.X + r, Y: at.Y + r})
	p.line(s, vg.Point{X: at.X - r, Y: at.Y + r}, vg.Point{X: at.X + r, Y: at.Y - r})
}
