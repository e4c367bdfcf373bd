package draw

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"
)

// Theme is the look of every figure, as data.
type Theme struct {
	Name       string // "light" or "dark"
	Background color.NRGBA
	Ink        color.NRGBA // title, baseline, recommended cells
	Muted      color.NRGBA // subtitle, tick labels, caption
	Grid       color.NRGBA
	Shade      color.NRGBA   // dominated region, margin band
	Context    color.NRGBA   // cells that are not the point of the figure
	Hues       []color.NRGBA // one per configuration family, colour-blind safe
	Better     color.NRGBA
	Worse      color.NRGBA
}

// Sizes in points of a figure whose width is figureWidth; the PNG has two
// pixels a point.
const (
	FigureWidth  vg.Length = 864
	FigureHeight vg.Length = 560
	WideWidth    vg.Length = 1040 // forest plot with four columns
	pngDPI                 = 144  // 72 points an inch, so 2 pixels a point
	MarginX      vg.Length = 26
	marginTop    vg.Length = 24
	marginBottom vg.Length = 18

	sizeTitle    vg.Length = 19
	sizeSubtitle vg.Length = 12
	SizeAxis     vg.Length = 11.5
	SizeTick     vg.Length = 11
	SizeLabel    vg.Length = 11
	SizeNumber   vg.Length = 9
	sizeCaption  vg.Length = 9.5
)

// Light is the theme for paper and light pages. The hues are those of Okabe
// and Ito, "Color Universal Design" (2008), without the yellow, which has too
// little contrast on white; orange and sky blue are darkened for the same
// reason.
func Light() Theme {
	return Theme{
		Name:       "light",
		Background: rgb(0xFFFFFF),
		Ink:        rgb(0x1B1F24),
		Muted:      rgb(0x656D78),
		Grid:       rgb(0xE8EAED),
		Shade:      rgb(0xF1F3F5),
		Context:    rgb(0xB4BBC4),
		Hues:       []color.NRGBA{rgb(0x0072B2), rgb(0xD55E00), rgb(0x009E73), rgb(0xBF5F93), rgb(0xB37B00), rgb(0x3B8FCB)},
		Better:     rgb(0x0072B2),
		Worse:      rgb(0xC05000),
	}
}

// Dark is the theme for dark pages: the same hues, lightened.
func Dark() Theme {
	return Theme{
		Name:       "dark",
		Background: rgb(0x12171D),
		Ink:        rgb(0xEEF1F4),
		Muted:      rgb(0x9AA5B1),
		Grid:       rgb(0x252C35),
		Shade:      rgb(0x1A2129),
		Context:    rgb(0x4F5B68),
		Hues:       []color.NRGBA{rgb(0x56B4E9), rgb(0xF0803C), rgb(0x2FBF95), rgb(0xE39BC4), rgb(0xE6B422), rgb(0xA9C7F5)},
		Better:     rgb(0x56B4E9),
		Worse:      rgb(0xF0803C),
	}
}

// ThemeNamed returns the theme of that name.
func ThemeNamed(name string) (Theme, error) {
	for _, t := range []Theme{Light(), Dark()} {
		if t.Name == name {
			return t, nil
		}
	}
	return Theme{}, fmt.Errorf("unknown theme %q: light or dark", name)
}

// Hue is the colour of family i; past the last hue the colours repeat, nearer
// to the ink.
func (t Theme) Hue(i int) color.NRGBA {
	c := t.Hues[i%len(t.Hues)]
	if round := i / len(t.Hues); round > 0 {
		c = Mix(c, t.Ink, min(0.3*float64(round), 0.6))
	}
	return c
}

// Level tells the levels of one family apart: the hue itself, a deeper and a
// paler one.
func (t Theme) Level(family, level int) color.NRGBA {
	c := t.Hue(family)
	switch level % 3 {
	case 1:
		return Mix(c, t.Ink, 0.38)
	case 2:
		return Mix(c, t.Background, 0.18)
	default:
		return c
	}
}

// Text is the colour of a word that belongs to something of colour c: nearer
// to the ink, because letters are thin.
func (t Theme) Text(c color.NRGBA) color.NRGBA { return Mix(c, t.Ink, 0.3) }

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 255}
}

// Mix goes the fraction f of the way from a to b.
func Mix(a, b color.NRGBA, f float64) color.NRGBA {
	ch := func(x, y uint8) uint8 { return uint8(float64(x) + f*(float64(y)-float64(x)) + 0.5) }
	return color.NRGBA{R: ch(a.R, b.R), G: ch(a.G, b.G), B: ch(a.B, b.B), A: 255}
}

// Fade gives c the opacity a in 0..1.
func Fade(c color.NRGBA, a float64) color.NRGBA {
	c.A = uint8(a*255 + 0.5)
	return c
}
