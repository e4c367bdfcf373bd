package launcher

import (
	"slices"
	"testing"
)

func TestCores(t *testing.T) {
	for text, want := range map[string][]int{
		"0": {0}, "0-3,8\n": {0, 1, 2, 3, 8}, "2,4": {2, 4}, "": nil, "0-": nil, "3-1": nil, "auto": nil, "-1": nil, "0-9999999999": nil,
	} {
		if got := ParseCores(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := FormatCores([]int{8, 1, 0, 2, 3, 1}); got != "0-3,8" {
		t.Errorf("got %s", got)
	}
	c := CoresOf([][]int{{0, 1, 2}, {4, 6}})
	if c != "0-2|4,6" {
		t.Errorf("got %s", c)
	}
	if got := c.Workers(); len(got) != 2 || !slices.Equal(got[1], []int{4, 6}) {
		t.Errorf("got %v", got)
	}
	if got := Cores("").Workers(); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
