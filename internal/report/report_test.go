package report

import (
	"os"
	"testing"
)

// TestSample leaves a report for looking at where SWEEP_REPORT_SAMPLE says.
func TestSample(t *testing.T) {
	dir := os.Getenv("SWEEP_REPORT_SAMPLE")
	if dir == "" {
		t.Skip("SWEEP_REPORT_SAMPLE names no folder")
	}
	paths, err := Write(dir, fixtureInput())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(paths)
}
