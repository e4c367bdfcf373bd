package plots

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/plots/draw"
)

// framed gives f its frame, in which the drawing gets what height leaves, or
// with body > 0 that much.
func (f *Figure) framed(width, height, body vg.Length) {
	f.frame = draw.NewFrame(f.Title, f.Subtitle, f.Caption, width, height, body)
}

// WritePNG writes the picture with two pixels a point.
func (f Figure) WritePNG(w io.Writer, theme draw.Theme) error {
	return f.frame.WritePNG(w, theme, f.body)
}

// WriteSVG writes the picture with its text as text, scalable, with a title
// and a description for readers that do not see it.
func (f Figure) WriteSVG(w io.Writer, theme draw.Theme) error {
	description := strings.TrimSpace(f.Subtitle + " " + f.Caption)
	err := f.frame.WriteSVG(w, theme, f.body, f.Name+"-"+theme.Name, f.Title, description)
	if err != nil {
		return fmt.Errorf("figure %s: %w", f.Name, err)
	}
	return nil
}

// WriteCSV writes the data behind the picture, in base units (seconds, per
// second), with complete labels and all trials' estimates and intervals.
func (f Figure) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.WriteAll(f.records); err != nil {
		return err
	}
	return out.Error()
}

// cutNote is what the caption says of intervals that end at the edge.
const cutNote = "Open arrowhead: the interval continues beyond the axis; the CSV has its ends"

// saysWhatIsCut is f with a note in its caption where an interval in its
// drawing ends at the edge of an axis. The drawing keeps its size.
func (f Figure) saysWhatIsCut() Figure {
	p := draw.NewPen(nil, draw.Light())
	area := f.frame.Area()
	f.body(p, area)
	if p.Cut {
		f.Caption = cutNote + " · " + f.Caption
		f.framed(f.frame.Width, 0, area.Max.Y-area.Min.Y)
	}
	return f
}
