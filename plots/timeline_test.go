package plots

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

func TestTimeTicks(t *testing.T) {
	for took, want := range map[time.Duration]string{
		9 * time.Second:                  "0 s 1 s 2 s 3 s 4 s 5 s 6 s 7 s 8 s 9 s",
		4 * time.Minute:                  "0:00 0:30 1:00 1:30 2:00 2:30 3:00 3:30 4:00",
		17 * time.Minute:                 "0 min 2 min 4 min 6 min 8 min 10 min 12 min 14 min 16 min",
		5*time.Hour + 10*time.Minute:     "0:00 h 0:30 h 1:00 h 1:30 h 2:00 h 2:30 h 3:00 h 3:30 h 4:00 h 4:30 h 5:00 h",
		9 * time.Hour:                    "0 h 1 h 2 h 3 h 4 h 5 h 6 h 7 h 8 h 9 h",
		400 * 24 * time.Hour:             "",
		time.Duration(0) + time.Second/2: "0 s",
	} {
		ticks, labels := timeTicks(took)
		if want == "" {
			if len(ticks) > 40 {
				t.Errorf("%v: %d ticks", took, len(ticks))
			}
			continue
		}
		if got := strings.Join(labels, " "); got != want || len(ticks) != len(labels) {
			t.Errorf("%v: %s, want %s", took, got, want)
		}
	}
}

// A start's time is split without a gap, and a failed one ends where its
// process did.
func TestStretches(t *testing.T) {
	began := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return began.Add(time.Duration(s * 1e9)) }
	stopped := at(100)
	d := timelinePlot{began: began}
	good := rundir.Start{ID: "s1", Began: began, Outcome: rundir.StartReady, Ready: 10 * time.Second, Stopped: &stopped, StopTook: 5 * time.Second, Cooldown: 20 * time.Second}
	trials := []rundir.Trial{
		{ID: "t1", Began: at(10), Ended: at(50), Window: 30, Outcome: rundir.OutcomeOK},
		{ID: "t2", Began: at(50), Ended: at(95), Window: 44, Outcome: rundir.OutcomeInvalid},
	}
	var got []string
	for _, s := range d.stretches(good, trials, 8*time.Second) {
		got = append(got, fmt.Sprintf("%s %g-%g", s.kind, s.from.Seconds(), s.to.Seconds()))
	}
	want := "loading and startup 0-10; warm-up 10-18; trial 18-50; warm-up 50-51; discarded trial 51-95; stop and release 95-100; cool-down 100-120"
	if strings.Join(got, "; ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "; "), want)
	}
	bad := rundir.Start{ID: "s2", Began: began, Outcome: rundir.StartFailed,
		Diagnosis: &rundir.Diagnosis{Exit: &rundir.Exit{At: at(7)}}}
	parts := d.stretches(bad, nil, 0)
	if len(parts) != 1 || parts[0].kind != stretchFailed || parts[0].to != 7*time.Second {
		t.Errorf("a failed start: %+v", parts)
	}
}

// More configurations than lanes share one; nothing is lost in the data.
func TestManyConfigurationsShareALane(t *testing.T) {
	in := Input{Plan: &matrix.Plan{Blocks: 1}, Findings: rich().Findings}
	began := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	for i := range maxLanes + 20 {
		id := fmt.Sprintf("c-%03d", i)
		in.Plan.Configurations = append(in.Plan.Configurations, matrix.Configuration{ID: id, Label: id})
		in.Starts = append(in.Starts, rundir.Start{ID: "s" + id, Configuration: id, Block: 1, Began: began.Add(time.Duration(i) * time.Minute), Outcome: rundir.StartReady, Ready: 30 * time.Second})
	}
	f, reason := timelineFigure(in, "timeline")
	if reason != "" || len(f.records) != maxLanes+21 || f.frame.Height > 500 {
		t.Errorf("%s %d records, %v high", reason, len(f.records), f.frame.Height)
	}
}

// A trace of a whole run draws no more than a few strokes a column, keeps its
// extremes, and has a gap where a sample is missing.
func TestTraceIsThinnedOut(t *testing.T) {
	began := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	s := TraceSeries{}
	for i := range 36000 {
		v := float64(i % 7)
		switch i {
		case 9000:
			v = 90
		case 18000:
			v = math.NaN()
		}
		s.Times, s.Values = append(s.Times, began.Add(time.Duration(i)*time.Second)), append(s.Values, v)
	}
	c := vgsvg.NewWith(vgsvg.UseWH(500, 100))
	p := draw.NewPen(c, draw.Light())
	traceLine(
		p, s, began, draw.Scale{Max: 36000, Lo: 0, Hi: 500}, draw.Scale{Max: 100, Lo: 0, Hi: 100},
		draw.LineStyle{Width: 1, Color: draw.Light().Ink},
	)
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "<path"); n != 2 {
		t.Errorf("%d paths, want one on each side of the gap", n)
	}
	if n := strings.Count(out.String(), "L"); n > 2200 {
		t.Errorf("%d points for a panel of 500 points' width", n)
	}
	if !strings.Contains(out.String(), ",90") {
		t.Error("the peak is lost")
	}
}

// The gallery describes every kind of figure and shows pictures that are there,
// under 3 MB together.
func TestGalleryIsComplete(t *testing.T) {
	b, err := os.ReadFile("../docs/gallery.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds() {
		if !strings.Contains(string(b), "`"+kind+"`") && !strings.Contains(string(b), "`"+kind+"-LOAD`") {
			t.Errorf("docs/gallery.md does not describe %s", kind)
		}
	}
	total := int64(0)
	for _, part := range strings.Split(string(b), "](images/")[1:] {
		name, _, _ := strings.Cut(part, ")")
		info, err := os.Stat(filepath.Join("../docs/images", name))
		if err != nil {
			t.Error(err)
			continue
		}
		total += info.Size()
	}
	if total == 0 || total > 3e6 {
		t.Errorf("the gallery's pictures have %d bytes", total)
	}
}
