package plots

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/plots/draw"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestFiguresOfARun(t *testing.T) {
	for _, c := range []struct {
		in     Input
		names  string
		absent string
	}{
		{rich(), "frontier-chat curve-chat effects-chat parameters-chat distribution-chat goodput-chat " +
			"feasibility timeline drift startup", ""},
		{
			small(), "dots-documents effects-documents parameters-documents feasibility",
			"curve-documents: load documents has only one point, so there is no curve; " +
				"distribution-documents: the run has no latency histograms; goodput-documents: the experiment has no SLO, so there is no goodput; " +
				"timeline: the run has no server launches; drift: the run has no trials; startup: the run has no server launches",
		},
		{
			list(), "frontier-rag-long-docs curve-rag-long-docs effects-rag-long-docs goodput-rag-long-docs feasibility",
			"parameters-rag-long-docs: no parameter was varied against a baseline; " +
				"distribution-rag-long-docs: the run has no latency histograms; " +
				"timeline: the run has no server launches; drift: the run has no trials; startup: the run has no server launches",
		},
		{allFailed(), "feasibility", "frontier-chat: no configuration has both ttft_p95 and output_throughput at load chat; " +
			"curve-chat: no configuration has both a throughput and a latency at load chat; " +
			"effects-chat: no value of a parameter can be compared with the baseline at load chat; " +
			"parameters-chat: no configuration was measured at load chat; " +
			"distribution-chat: the run has no latency histograms; " +
			"goodput-chat: no configuration has a goodput above zero at load chat; " +
			"timeline: the run has no server launches; drift: the run has no trials; startup: the run has no server launches"},
		{Input{}, "", "figures: no plan or no findings"},
	} {
		var names, absent []string
		for _, f := range Figures(c.in) {
			names = append(names, f.Name)
		}
		for _, a := range Absent(c.in) {
			absent = append(absent, a.Name+": "+a.Reason)
		}
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("figures %s, want %s", got, c.names)
		}
		if got := strings.Join(absent, "; "); got != c.absent {
			t.Errorf("absent %s\nwant   %s", got, c.absent)
		}
	}
}

// allFailed is a run in which no configuration ever started.
func allFailed() Input {
	in := rich()
	in.Trials, in.Starts, in.Latencies, in.Traces = nil, nil, nil, nil
	for i := range in.Findings.Cells {
		in.Findings.Cells[i].Estimates, in.Findings.Cells[i].Ratios = nil, nil
	}
	in.Findings.Effects, in.Findings.Frontiers = nil, nil
	in.Findings.Recommendations = []analysis.Recommendation{{UseCase: "throughput", Load: "chat"}}
	return in
}

// The golden files hold the data of the figures of two runs, the drawing of
// one, and the structure of all: their words in the order in which they are
// drawn, and how many shapes of which colour there are.
func TestGolden(t *testing.T) {
	for name, in := range map[string]Input{"rich": rich(), "small": small(), "grid": grid()} {
		for _, f := range Figures(in) {
			if name == "grid" && f.Kind != "parameters" {
				continue
			}
			var buf bytes.Buffer
			if err := f.WriteCSV(&buf); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"-"+f.Name+".csv", shortened(buf.Bytes()))
			buf.Reset()
			if err := f.WriteSVG(&buf, draw.Light()); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"-"+f.Name+".structure", structure(t, f, buf.Bytes()))
			if f.Name == "dots-documents" {
				golden(t, name+"-"+f.Name+".svg", buf.Bytes())
			}
		}
	}
}

// shortened keeps the first 60 rows of a table.
func shortened(table []byte) []byte {
	rows := bytes.SplitAfter(table, []byte("\n"))
	if len(rows) > 60 {
		rows = append(rows[:60:60], fmt.Appendf(nil, "%d rows in all\n", len(rows)-1))
	}
	return bytes.Join(rows, nil)
}

var fillOrStroke = regexp.MustCompile(`(fill|stroke):(#[0-9A-Fa-f]{6})`)

// structure lists what an SVG holds without saying where.
func structure(t *testing.T, f Figure, svg []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, text := range textsOf(t, svg, f.frame.Height) {
		fmt.Fprintln(&out, text.text)
	}
	counts := map[string]int{}
	for _, m := range fillOrStroke.FindAllSubmatch(svg, -1) {
		counts[string(m[1])+" "+strings.ToLower(string(m[2]))]++
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&out, "%s x%d\n", key, counts[key])
	}
	return out.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s differs (-want +got; run with -update to accept):\n%s", name, diff)
	}
}

func TestRenderWritesTheSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	some := Options{Figures: []string{"frontier-chat", "distribution-chat", "timeline"}}
	names, err := Render(a, rich(), some)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Render(b, rich(), some); err != nil {
		t.Fatal(err)
	}
	if len(names) != 9 {
		t.Errorf("wrote %v", names)
	}
	for _, name := range names {
		x, errX := os.ReadFile(filepath.Join(a, name))
		y, errY := os.ReadFile(filepath.Join(b, name))
		if errX != nil || errY != nil || len(x) == 0 || !bytes.Equal(x, y) {
			t.Errorf("%s differs between two runs (%v, %v)", name, errX, errY)
		}
	}
	left, err := os.ReadDir(a)
	if err != nil || len(left) != len(names) {
		t.Errorf("%d files in the folder, want %d: %v", len(left), len(names), err)
	}
}

func TestRenderOptions(t *testing.T) {
	dir := t.TempDir()
	names, err := Render(
		dir, small(), Options{Figures: []string{"effects-documents"}, Formats: []string{SVG, CSV}, Theme: draw.Dark()},
	)
	if err != nil || strings.Join(names, " ") != "effects-documents-dark.svg effects-documents.csv" {
		t.Errorf("wrote %v, %v", names, err)
	}
	for _, c := range []struct {
		opts Options
		want string
	}{
		{
			Options{Figures: []string{"curve-documents"}},
			"figure curve-documents: load documents has only one point, so there is no curve",
		},
		{Options{Figures: []string{"pie"}}, "figure pie: no such figure; " +
			"the run yields dots-documents, effects-documents, parameters-documents, feasibility"},
		{
			Options{Formats: []string{"gif"}},
			"draw figure dots-documents as gif: unknown format \"gif\": want one of png, svg, csv",
		},
	} {
		if _, err := Render(dir, small(), c.opts); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if _, err := Render(filepath.Join(dir, "absent"), small(), Options{}); err == nil {
		t.Error("no error for a folder that does not exist")
	}
	if names, err := Render(dir, allFailed(), Options{}); err != nil || strings.Join(names, " ") != "feasibility.png feasibility.svg feasibility.csv" {
		t.Errorf("a run without results: %v, %v", names, err)
	}
}

// A PNG has two pixels a point, something on it, and nothing cut at its edge.
func TestPNG(t *testing.T) {
	for _, theme := range []draw.Theme{draw.Light(), draw.Dark()} {
		for _, f := range Figures(rich()) {
			if theme.Name == "dark" && f.Kind != "frontier" {
				continue // what leaves the picture does so in both
			}
			var buf bytes.Buffer
			if err := f.WritePNG(&buf, theme); err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(&buf)
			if err != nil {
				t.Fatal(err)
			}
			size := img.Bounds().Size()
			if size.X < 1600 || size.X != int(2*f.frame.Width.Points()+0.5) {
				t.Errorf("%s: width %d", f.Name, size.X)
			}
			drawn := 0
			ground := color.RGBAModel.Convert(theme.Background)
			for y := range size.Y {
				for x := range size.X {
					if color.RGBAModel.Convert(img.At(x, y)) == ground {
						continue
					}
					drawn++
					if x < 6 || y < 6 || x >= size.X-6 || y >= size.Y-6 {
						t.Fatalf("%s %s: something at the edge (%d, %d)", f.Name, theme.Name, x, y)
					}
				}
			}
			if part := float64(drawn) / float64(size.X*size.Y); part < 0.015 {
				t.Errorf("%s %s: only %.1f %% of the picture is drawn on", f.Name, theme.Name, 100*part)
			}
		}
	}
}

// svgText is a text in an SVG with its box, y downwards.
type svgText struct {
	text string
	box  vg.Rectangle
}

// No text of any fixture leaves its picture or lies over another text.
func TestTextsKeepClear(t *testing.T) {
	for name, input := range fixtures() {
		for _, f := range Figures(input()) {
			var buf bytes.Buffer
			if err := f.WriteSVG(&buf, draw.Light()); err != nil {
				t.Fatal(err)
			}
			texts := textsOf(t, buf.Bytes(), f.frame.Height)
			if len(texts) < 8 {
				t.Errorf("%s %s: only %d texts", name, f.Name, len(texts))
			}
			for i, a := range texts {
				if a.box.Min.X < 4 || a.box.Max.X > f.frame.Width-2 ||
					a.box.Min.Y < 4 || a.box.Max.Y > f.frame.Height-4 {
					t.Errorf("%s %s: %q leaves the picture: %v", name, f.Name, a.text, a.box)
				}
				for _, b := range texts[:i] {
					if draw.Overlap(a.box, b.box) {
						t.Errorf("%s %s: %q lies over %q", name, f.Name, a.text, b.text)
					}
				}
			}
		}
	}
}

var fontSize = regexp.MustCompile(`font-weight:(\w+).*font-size:([0-9.]+)px`)

// textsOf reads the texts of an SVG, which must be well-formed.
func textsOf(t *testing.T, svg []byte, height vg.Length) []svgText {
	t.Helper()
	pen := draw.NewPen(nil, draw.Light())
	var out []svgText
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("SVG: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "text" {
			continue
		}
		attr := map[string]string{}
		for _, a := range start.Attr {
			attr[a.Name.Local] = a.Value
		}
		if !strings.HasPrefix(attr["style"], draw.FontStack+";") {
			t.Fatalf("font of a text: %s", attr["style"])
		}
		var content string
		if err := d.DecodeElement(&content, &start); err != nil {
			t.Fatal(err)
		}
		m := fontSize.FindStringSubmatch(attr["style"])
		if m == nil {
			t.Fatalf("style without size: %s", attr["style"])
		}
		style := draw.TextStyle{Size: length(t, m[2]), Bold: m[1] == "bold"}
		x, y := length(t, attr["x"]), height+length(t, attr["y"])
		out = append(out, svgText{content, vg.Rectangle{
			Min: vg.Point{X: x, Y: y - 0.7*style.Size}, Max: vg.Point{X: x + pen.Width(content, style), Y: y},
		}})
	}
}

func length(t *testing.T, s string) vg.Length {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return vg.Length(v)
}

// A reader without eyes gets the finding, and inlining two figures does not
// make equal IDs.
func TestSVGDescription(t *testing.T) {
	var ids []string
	for _, f := range Figures(rich()) {
		var buf bytes.Buffer
		if err := f.WriteSVG(&buf, draw.Dark()); err != nil {
			t.Fatal(err)
		}
		title := regexp.MustCompile(`<title id="([^"]+)">([^<]*)</title>`).FindSubmatch(buf.Bytes())
		if title == nil || !strings.Contains(f.Title, strings.TrimSuffix(string(title[2]), "&lt;")) {
			t.Fatalf("%s: title %q", f.Name, title)
		}
		if slices.Contains(ids, string(title[1])) {
			t.Errorf("ID %s twice", title[1])
		}
		ids = append(ids, string(title[1]))
		if !strings.Contains(f.Caption, "simulated H100") || !strings.Contains(f.Caption, "run 20261123-221004") {
			t.Errorf("%s: caption %s", f.Name, f.Caption)
		}
	}
}

// Values that a text or an attribute could trip over come through escaped.
func TestSVGEscapes(t *testing.T) {
	in := small()
	in.Facts.Run = `<run> & "1"`
	for _, f := range Figures(in) {
		var buf bytes.Buffer
		if err := f.WriteSVG(&buf, draw.Light()); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, text := range textsOf(t, buf.Bytes(), f.frame.Height) {
			found = found || strings.Contains(text.text, in.Facts.Run)
		}
		if !found {
			t.Errorf("%s: run ID not found as text", f.Name)
		}
	}
}

// Whatever the findings hold, nothing panics and no coordinate is lost.
func TestOddValues(t *testing.T) {
	odd := rapid.SampledFrom([]float64{0, 1e-12, 1e-3, 1, 1.0001, 3, 1e4, 1e12, -1, math.NaN(), math.Inf(1), math.Inf(-1)})
	rapid.Check(t, func(t *rapid.T) {
		in := rich()
		in.Latencies, in.Traces = nil, nil
		in.Starts, in.Trials = in.Starts[:2], in.Trials[:16]
		for i := range in.Trials {
			for _, m := range slices.Sorted(maps.Keys(in.Trials[i].Metrics)) {
				if rapid.Bool().Draw(t, "change trial") {
					in.Trials[i].Metrics[m] = odd.Draw(t, "trial")
				}
			}
		}
		for i := range in.Findings.Cells {
			for _, m := range slices.Sorted(maps.Keys(in.Findings.Cells[i].Estimates)) {
				e := in.Findings.Cells[i].Estimates[m]
				if rapid.Bool().Draw(t, "change") {
					e.Center, e.Lo, e.Hi = odd.Draw(t, "center"), odd.Draw(t, "lo"), odd.Draw(t, "hi")
					in.Findings.Cells[i].Estimates[m] = e
				}
			}
		}
		for i := range in.Findings.Effects {
			for _, m := range slices.Sorted(maps.Keys(in.Findings.Effects[i].Ratios)) {
				r := in.Findings.Effects[i].Ratios[m]
				r.Center, r.Lo, r.Hi = odd.Draw(t, "ratio"), odd.Draw(t, "ratio lo"), odd.Draw(t, "ratio hi")
				in.Findings.Effects[i].Ratios[m] = r
			}
		}
		for _, f := range Figures(in) {
			var buf bytes.Buffer
			if err := f.WriteSVG(&buf, draw.Light()); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"NaN", "Inf"} {
				if strings.Contains(buf.String(), bad) {
					t.Fatalf("%s: %s in the SVG", f.Name, bad)
				}
			}
		}
	})
}

func BenchmarkRender300Cells(b *testing.B) {
	in := big()
	dir := b.TempDir()
	for b.Loop() {
		if _, err := Render(dir, in, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
