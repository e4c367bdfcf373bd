package loadgen

import (
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of the histograms: 1 µs to 1 h with three significant
// digits.
const (
	histogramMax    = int64(time.Hour / time.Microsecond)
	histogramDigits = 3
)

// histogramBases are the latencies that go into the histogram log.
var histogramBases = []string{"ttft", "itl", "e2e"}

// WriteHistograms writes ttft, itl and e2e of the window's successful requests
// as an HdrHistogram log (version 1.3, V2 compressed histograms, readable by
// HistogramLogProcessor and HdrHistogram plotters). Each is one line with its
// name as tag; values are microseconds, the interval is the window in seconds
// since the start of the run. Values are clamped to 1 µs to 1 h; users
// who want exact values read the Parquet file.
func WriteHistograms(w io.Writer, r *Result) error {
	log := hdrhistogram.NewHistogramLogWriter(w)
	if err := writeHistogramHeader(log, r); err != nil {
		return fmt.Errorf("write histograms: %w", err)
	}
	values := r.latencies()
	for _, base := range histogramBases {
		h := hdrhistogram.New(1, histogramMax, histogramDigits)
		h.SetTag(base)
		h.SetStartTimeMs(r.Start.Add(r.WindowStart).UnixMilli())
		h.SetEndTimeMs(r.Start.Add(r.WindowEnd).UnixMilli())
		for _, v := range values[base] {
			us := min(max(int64(v*1e6+0.5), 1), histogramMax)
			if err := h.RecordValue(us); err != nil {
				return fmt.Errorf("write histograms: %s: %w", base, err)
			}
		}
		if err := log.OutputIntervalHistogram(h); err != nil {
			return fmt.Errorf("write histograms: %s: %w", base, err)
		}
	}
	return nil
}

func writeHistogramHeader(log *hdrhistogram.HistogramLogWriter, r *Result) error {
	if err := log.OutputComment("[latencies of one load run; values in microseconds]"); err != nil {
		return err
	}
	if err := log.OutputLogFormatVersion(); err != nil {
		return err
	}
	if err := log.OutputStartTime(r.Start.UnixMilli()); err != nil {
		return err
	}
	log.SetBaseTime(r.Start.UnixMilli())
	return log.OutputLegend()
}

// ReadHistograms reads what WriteHistograms wrote: a histogram of microseconds
// for each latency ("ttft", "itl", "e2e").
func ReadHistograms(r io.Reader) (map[string]*hdrhistogram.Histogram, error) {
	log := hdrhistogram.NewHistogramLogReader(r)
	out := map[string]*hdrhistogram.Histogram{}
	for {
		h, err := log.NextIntervalHistogram()
		if err != nil {
			return nil, fmt.Errorf("read histograms: %w", err)
		}
		if h == nil {
			return out, nil
		}
		out[h.Tag()] = h
	}
}
