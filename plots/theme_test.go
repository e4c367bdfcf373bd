package plots

import (
	"image/color"
	"math"
	"testing"
)

// contrast is the ratio of relative luminances as WCAG 2.1 defines it.
func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

func TestThemeNamed(t *testing.T) {
	if th, err := ThemeNamed("dark"); err != nil || th.Name != "dark" {
		t.Errorf("dark: %v, %v", th.Name, err)
	}
	if _, err := ThemeNamed("sepia"); err == nil || err.Error() != `unknown theme "sepia": light or dark` {
		t.Errorf("sepia: %v", err)
	}
}
