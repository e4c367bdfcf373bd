package plots

import (
	"image/color"
	"maps"
	"slices"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"

	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// drawnMark is a marker as it was drawn, filled or hollow.
type drawnMark struct {
	shape draw.Shape
	color color.NRGBA
	at    vg.Point
}

// drawing is what a figure consists of.
type drawing struct {
	marks  []drawnMark
	texts  map[string]vg.Point
	colors map[string]color.NRGBA // of the texts
	lines  [][]vg.Point           // open ones
}

// drawingOf draws a figure and reads what was drawn.
func drawingOf(f Figure, t draw.Theme) drawing {
	var canvas recorder.Canvas
	f.frame.Draw(draw.NewPen(&canvas, t), f.body)
	d := drawing{texts: map[string]vg.Point{}, colors: map[string]color.NRGBA{}}
	var ink color.NRGBA
	path := func(p vg.Path) {
		if s, at, ok := shapeOf(p); ok && ink != t.Background {
			d.marks = append(d.marks, drawnMark{s, ink, at})
		}
	}
	for _, a := range canvas.Actions {
		switch a := a.(type) {
		case *recorder.SetColor:
			ink = color.NRGBAModel.Convert(a.Color).(color.NRGBA)
		case *recorder.Fill:
			path(a.Path)
		case *recorder.Stroke:
			path(a.Path)
			if p := a.Path; p[len(p)-1].Type != vg.CloseComp {
				var pts []vg.Point
				for _, c := range p {
					pts = append(pts, c.Pos)
				}
				d.lines = append(d.lines, pts)
			}
		case *recorder.FillString:
			d.texts[a.String], d.colors[a.String] = a.Point, ink
		}
	}
	return d
}

// shapeOf is the marker that a path outlines, and its middle.
func shapeOf(p vg.Path) (draw.Shape, vg.Point, bool) {
	if len(p) < 3 || p[len(p)-1].Type != vg.CloseComp {
		return 0, vg.Point{}, false
	}
	if len(p) == 3 && p[1].Type == vg.ArcComp {
		return draw.Circle, p[1].Pos, p[1].Radius < 5.5 // greater: the ring of a recommendation
	}
	var sum vg.Point
	n := len(p) - 1
	for _, c := range p[:n] {
		sum.X, sum.Y = sum.X+c.Pos.X, sum.Y+c.Pos.Y
	}
	at := vg.Point{X: sum.X / vg.Length(n), Y: sum.Y / vg.Length(n)}
	for s := draw.Square; s < draw.Shapes; s++ {
		want := s.Outline(at, draw.Dist(at, p[0].Pos))
		scale := draw.Dist(at, p[0].Pos) / draw.Dist(at, want[0].Pos)
		want = s.Outline(at, scale*draw.Dist(at, p[0].Pos))
		same := len(want) == len(p)
		for i := 0; same && i < n; i++ {
			same = draw.Dist(want[i].Pos, p[i].Pos) < 1e-6
		}
		if same {
			return s, at, true
		}
	}
	return 0, vg.Point{}, false
}

// In all figures of a run a mark has the color and the shape of one
// configuration and of no other, or is the grey circle of those that recede.
func TestEveryMarkIsOfOneConfiguration(t *testing.T) {
	kinds := []string{
		"frontier", "curve", "goodput", "effects", "parameters", "dots",
		"distribution", "scatter", "timeline", "feasibility", "startup",
	}
	seen := map[string]bool{}
	for name, input := range fixtures() {
		in := input()
		scatter, _ := Chosen(in, "e2e_p50", "request_throughput")
		for _, theme := range []draw.Theme{draw.Light(), draw.Dark()} {
			looks := map[drawnMark]string{{shape: draw.Circle, color: theme.Context}: "the context"}
			for _, c := range in.Plan.Configurations {
				id := in.identities()[c.ID]
				look := drawnMark{shape: id.shape, color: id.color(theme)}
				if other := looks[look]; other != "" {
					t.Errorf("%s: %s looks as %s", name, c.Label, other)
				}
				looks[look] = c.Label
			}
			for _, f := range append(Figures(in), scatter...) {
				if !slices.Contains(kinds, f.Kind) {
					continue
				}
				d := drawingOf(f, theme)
				for _, m := range d.marks {
					if looks[drawnMark{shape: m.shape, color: m.color}] == "" {
						t.Errorf("%s %s: a mark of shape %d and color %v is of no configuration", name, f.Name, m.shape, m.color)
						break
					}
				}
				seen[f.Kind] = seen[f.Kind] || len(d.marks) > 1
			}
		}
	}
	for _, k := range kinds {
		if !seen[k] {
			t.Errorf("no marks in any figure of kind %s", k)
		}
	}
}

// A configuration's name has its color wherever names are colored, and its mark
// beside it where rows are named.
func TestNamesHaveTheColorOfTheirConfiguration(t *testing.T) {
	named, rows := map[string]int{}, 0
	for name, input := range fixtures() {
		in := input()
		for _, f := range Figures(in) {
			d := drawingOf(f, draw.Light())
			for i, text := range shortLabels(in.Plan.Configurations) {
				at, ok := d.texts[text]
				if !ok {
					continue
				}
				id := in.identities()[in.Plan.Configurations[i].ID]
				switch f.Kind {
				case "frontier", "curve", "goodput", "distribution":
					named[f.Kind]++
					if want := draw.Light().Text(id.color(draw.Light())); d.colors[text] != want {
						t.Errorf("%s %s: the name %s has color %v, want %v", name, f.Name, text, d.colors[text], want)
					}
				case "timeline", "feasibility", "startup":
					rows++
					mark := drawnMark{}
					for _, m := range d.marks {
						if m.at.X > at.X && m.at.Y > at.Y && m.at.Y < at.Y+6 && (mark.at.X == 0 || m.at.X < mark.at.X) {
							mark = m
						}
					}
					if mark.shape != id.shape || mark.color != id.color(draw.Light()) {
						t.Errorf("%s %s: beside %s stands %+v, want %+v", name, f.Name, text, mark, id)
					}
				}
			}
		}
	}
	if len(named) != 4 || rows < 30 {
		t.Errorf("names found: %v, rows %d", named, rows)
	}
}

// What is shown does not matter: neither a part of the run nor configurations
// that a later stage appends change how one looks.
func TestIdentitiesOutliveSelections(t *testing.T) {
	for name, input := range fixtures() {
		in := input()
		want := in.identities()
		conditions, err := ParseWhere("label~max-num", in.Plan)
		if err != nil {
			t.Fatal(err)
		}
		part := in.Where(conditions).Where(conditions)
		if len(part.Plan.Configurations) == len(in.Plan.Configurations) {
			t.Errorf("%s: the part is the whole", name)
		}
		if got := part.identities(); !maps.Equal(got, want) {
			t.Errorf("%s: a part has other identities", name)
		}
		more := *in.Plan
		more.Configurations = append(slices.Clone(more.Configurations), matrix.Configuration{ID: "later", Label: "later"})
		for id, got := range identities(&more) {
			if id != "later" && got != want[id] {
				t.Errorf("%s: %s looks different when a configuration follows", name, id)
			}
		}
	}
}

// The lines of the drift figure are all the baseline's.
func TestDriftHasNoColorOfAnotherConfiguration(t *testing.T) {
	in := rich()
	f, why := driftFigure(in, "drift")
	if why != "" {
		t.Fatal(why)
	}
	for _, m := range drawingOf(f, draw.Light()).marks {
		if c := m.color; max(c.R, c.G, c.B)-min(c.R, c.G, c.B) > 12 {
			t.Errorf("a mark has a hue: %v", c)
		}
	}
}
