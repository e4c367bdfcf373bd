package loadgen

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
)

func TestParquetRoundTrip(t *testing.T) {
	want := handmade()
	want.Start = time.Date(2026, 3, 1, 22, 0, 0, 123456789, time.UTC)
	want.Requests = append(want.Requests,
		Request{ID: 200, Phase: PhaseWarmup, Class: ClassHTTP, Scheduled: 1, Ready: 2, Sent: 3, First: -1, Last: -1, End: 4, Status: 503, Error: "503 Service Unavailable: é"},
		Request{ID: 201, Phase: PhaseTail, Class: ClassUnfinished, Sent: 3, First: 5, Last: 5, End: 9, Chunks: 1, OutputTokens: 1, PromptAsked: 3, OutputAsked: 7, Resent: true},
	)
	want.account()
	var b bytes.Buffer
	if err := WriteParquet(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadParquet(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if a, b := Summarize(want, SummaryOptions{}), Summarize(got, SummaryOptions{}); !cmp.Equal(a, b) {
		t.Error(cmp.Diff(a, b))
	}
	for _, cut := range []int{0, 10, b.Len() / 2, b.Len() - 1} {
		if _, err := ReadParquet(bytes.NewReader(b.Bytes()[:cut]), int64(cut)); err == nil {
			t.Errorf("a file cut at %d of %d bytes was read", cut, b.Len())
		}
	}
	t.Logf("%d bytes for %d requests", b.Len(), len(want.Requests))
}

func TestParquetEmpty(t *testing.T) {
	var b bytes.Buffer
	if err := WriteParquet(&b, &Result{Label: LabelClosed}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadParquet(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(got.Requests) != 0 || got.Label != LabelClosed {
		t.Errorf("%+v %v", got, err)
	}
}

func TestHistogramRoundTrip(t *testing.T) {
	r := handmade()
	r.Start = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	if err := WriteHistograms(&b, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "#[Histogram log format version 1.3]") || !strings.Contains(b.String(), "Tag=ttft,1.000000,10.000000,") {
		t.Errorf("log:\n%.300s", b.String())
	}
	values := r.latencies()
	reader := hdrhistogram.NewHistogramLogReader(&b)
	var tags []string
	for {
		h, err := reader.NextIntervalHistogram()
		if h == nil || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, h.Tag())
		x := values[h.Tag()]
		slices.Sort(x)
		if int(h.TotalCount()) != len(x) {
			t.Errorf("%s: %d values, want %d", h.Tag(), h.TotalCount(), len(x))
		}
		for _, p := range []float64{50, 90, 99} {
			want := x[int(math.Ceil(p/100*float64(len(x))))-1] * 1e6
			if got := float64(h.ValueAtPercentile(p)); math.Abs(got/want-1) > 0.001 {
				t.Errorf("%s p%v: %v µs, want %v µs", h.Tag(), p, got, want)
			}
		}
	}
	if !slices.Equal(tags, histogramBases) {
		t.Errorf("tags %v, want %v", tags, histogramBases)
	}
}
