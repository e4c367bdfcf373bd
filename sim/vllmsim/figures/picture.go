package main

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// picture is a line plot, and a table of the same numbers.
type picture struct {
	name, title, x, y string
	low, high         float64 // range of y; both 0: from 0 to what the series need
	series            []series
}

type series struct {
	name   string
	dashed bool // a reference, not a result
	points []point
}

type point struct{ X, Y float64 }

func (s *series) add(x, y float64) { s.points = append(s.points, point{x, y}) }

// at returns the value at x.
func (s series) at(x float64) (float64, bool) {
	for _, p := range s.points {
		if p.X == x {
			return p.Y, true
		}
	}
	return 0, false
}

// markdown is the table: a row per x of the longest series.
func (p picture) markdown() string {
	var b strings.Builder
	longest := p.series[0]
	b.WriteString("| " + p.x)
	for _, s := range p.series {
		b.WriteString(" | " + s.name)
		if len(s.points) > len(longest.points) {
			longest = s
		}
	}
	b.WriteString(" |\n" + strings.Repeat("|---", len(p.series)+1) + "|\n")
	for _, point := range longest.points {
		fmt.Fprintf(&b, "| %s", number(point.X))
		for _, s := range p.series {
			if v, ok := s.at(point.X); ok {
				b.WriteString(" | " + number(v))
			} else {
				b.WriteString(" | –")
			}
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// number has four significant digits, without an exponent.
func number(v float64) string {
	digits := 3 - int(math.Floor(math.Log10(max(math.Abs(v), 1e-9))))
	text := fmt.Sprintf("%.*f", min(max(digits, 0), 6), v)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// Layout of the SVG, in pixels.
const (
	width, height                  = 640, 380
	left, right, topEdge, baseline = 72, 620, 76, 330
)

// hues of Okabe and Ito: told apart by colour-blind readers too. Grey is for
// references.
func hues() []string { return []string{"#0072b2", "#d55e00", "#009e73"} }

const reference = "#707070"

// axis maps values to pixels.
type axis struct{ low, high, from, to float64 }

func (a axis) at(v float64) float64 { return a.from + (v-a.low)/(a.high-a.low)*(a.to-a.from) }

// ticks are round values within the axis, about n of them.
func (a axis) ticks(n int) []float64 {
	raw := (a.high - a.low) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*step >= raw {
			step *= m
			break
		}
	}
	var list []float64
	for k := math.Ceil(a.low/step - 1e-9); k*step <= a.high*(1+1e-9); k++ {
		list = append(list, k*step+0) // +0: no negative zero
	}
	return list
}

// axes span all points.
func (p picture) axes() (x, y axis) {
	x, y = axis{math.Inf(1), math.Inf(-1), left, right}, axis{p.low, p.high, baseline, topEdge}
	for _, s := range p.series {
		for _, q := range s.points {
			x.low, x.high = min(x.low, q.X), max(x.high, q.X)
			if p.low == 0 && p.high == 0 || p.high < q.Y {
				y.high = max(y.high, q.Y*1.05)
			}
		}
	}
	return x, y
}

// svg draws the picture.
func (p picture) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n", width, height)
	fmt.Fprintf(&b, "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n<text x=\"%d\" y=\"24\" font-size=\"14\" font-weight=\"bold\">%s</text>\n", width, height, left, p.title)
	x, y := p.axes()
	for _, v := range y.ticks(5) {
		fmt.Fprintf(&b, "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left, y.at(v), right, left-8, y.at(v)+4, number(v))
	}
	for _, v := range x.ticks(8) {
		fmt.Fprintf(&b, "<path d=\"M%.1f %dv5\" stroke=\"#222\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x.at(v), baseline, x.at(v), baseline+19, number(v))
	}
	fmt.Fprintf(&b, "<path d=\"M%d %dH%d\" stroke=\"#222\"/>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", left, baseline, right, (left+right)/2, height-10, p.x)
	fmt.Fprintf(&b, "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", (topEdge+baseline)/2, p.y)
	for i, s := range p.series {
		s.svg(&b, x, y, hues()[i], left+i*250)
	}
	return b.String() + "</svg>\n"
}

// svg draws the line, its points and its entry of the legend.
func (s series) svg(b *strings.Builder, x, y axis, hue string, legend int) {
	dash := ""
	if s.dashed {
		hue, dash = reference, " stroke-dasharray=\"5 4\""
	}
	fmt.Fprintf(b, "<path d=\"M%d 48h24\" stroke=\"%s\" stroke-width=\"2\"%s/><text x=\"%d\" y=\"52\">%s</text>\n", legend, hue, dash, legend+32, s.name)
	var path strings.Builder
	for i, q := range s.points {
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", command, x.at(q.X), y.at(q.Y))
		if !s.dashed {
			fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x.at(q.X), y.at(q.Y), hue)
		}
	}
	fmt.Fprintf(b, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", &path, hue, dash)
}

func (p picture) save(path string) error {
	if err := os.WriteFile(path, []byte(p.svg()), 0o644); err != nil {
		return fmt.Errorf("save the picture: %w", err)
	}
	return nil
}
