package draw

import (
	"fmt"
	"image/color"
	"math"
	"testing"
)

func TestThemeNamed(t *testing.T) {
	if th, err := ThemeNamed("dark"); err != nil || th.Name != "dark" {
		t.Errorf("dark: %v, %v", th.Name, err)
	}
	if _, err := ThemeNamed("sepia"); err == nil || err.Error() != `unknown theme "sepia": light or dark` {
		t.Errorf("sepia: %v", err)
	}
}

// contrastOf is the ratio of relative luminances as WCAG 2.1 defines it, 1..21.
func contrastOf(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c color.NRGBA) float64 {
	channel := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(c.R) + 0.7152*channel(c.G) + 0.0722*channel(c.B)
}

// Colours must keep at least 3:1 contrast to the background (WCAG 2.1, 1.4.11),
// texts in ink 4.5:1 (1.4.3) and coloured labels 4:1.
func TestContrast(t *testing.T) {
	for _, theme := range []Theme{Light(), Dark()} {
		check := func(name string, c color.NRGBA, least float64) {
			if got := contrastOf(c, theme.Background); got < least {
				t.Errorf("%s %s: contrast %.2f, want %.1f", theme.Name, name, got, least)
			}
		}
		check("ink", theme.Ink, 4.5)
		check("muted", theme.Muted, 4.5)
		check("better", theme.Better, 4.5)
		check("worse", theme.Worse, 4.5)
		for i := range 2 * len(theme.Hues) {
			for level := range 3 {
				check(fmt.Sprintf("hue %d level %d", i, level), theme.Level(i, level), 2.5)
				check(fmt.Sprintf("text of hue %d level %d", i, level), theme.Text(theme.Level(i, level)), 4)
			}
			check(fmt.Sprintf("hue %d", i), theme.Hue(i), 3)
		}
	}
}
