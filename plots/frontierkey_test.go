package plots

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/plots/draw"
)

// TestEveryFrontierCellIsIdentified: by its own words beside it, or by a letter
// that the key explains with configuration, load and both values.
func TestEveryFrontierCellIsIdentified(t *testing.T) {
	keys := 0
	for _, name := range slices.Sorted(maps.Keys(fixtures())) {
		in := fixtures()[name]()
		for _, fr := range in.Findings.Frontiers {
			d := frontierPlot{front: fr, all: seriesOf(in, fr.Load, fr.X, fr.Y, fr.Cells)}
			points := allPoints(d.all)
			d.limits, d.picks = limitsOf(in, fr.Load, fr.X, fr.Y), picksOf(in, fr.Load, points)
			d.xs, d.ys = frontierScales(points, d.limits)
			d.radius = radiusFor(len(points))
			area := draw.NewFrame("t", "s", "c", draw.FigureWidth, draw.FigureHeight, 0).Area()
			d = d.keyed(area)
			area.Min.Y -= d.keyHeight(area.Max.X - area.Min.X)
			shown := map[string]bool{}
			for _, l := range d.draw(draw.NewPen(nil, draw.Light()), area) {
				shown[l.Says] = true
			}
			keys += len(d.key)
			for _, s := range d.all {
				for _, q := range s.points {
					named := shown[sayName+s.config.ID] && (len(s.points) == 1 || shown[sayNumber+q.cell.ID])
					if q.frontier && !shown[sayPick+q.cell.ID] && !shown[sayLetter+q.cell.ID] && !named {
						t.Errorf("%s, %s: %s at %s has no words", name, fr.X, s.config.Label, q.cell.PointLabel)
					}
				}
			}
			for _, e := range d.key {
				if !strings.Contains(e.text, pointName(e.q.load)) || !strings.HasPrefix(e.text, keyName(e.s)) {
					t.Errorf("%s: key %s says %q", name, e.letter, e.text)
				}
			}
		}
	}
	if keys == 0 {
		t.Error("no fixture is crowded enough to need a key")
	}
}

func TestLetters(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := letterOf(i); got != want {
			t.Errorf("letter %d is %s, want %s", i, got, want)
		}
	}
}
