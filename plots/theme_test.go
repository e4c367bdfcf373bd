package plots

import "testing"

func TestThemeNamed(t *testing.T) {
	if th, err := ThemeNamed("dark"); err != nil || th.Name != "dark" {
		t.Errorf("dark: %v, %v", th.Name, err)
	}
	if _, err := ThemeNamed("sepia"); err == nil || err.Error() != `unknown theme "sepia": light or dark` {
		t.Errorf("sepia: %v", err)
	}
}
