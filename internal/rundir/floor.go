package rundir

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Floor is the noise floor of the load generator (floor.json): how far what it
// reports is from the truth, measured on this machine at the planned loads
// against a reference server of known timing. Its own lateness is part of it.
type Floor struct {
	Format       int       `json:"format"`
	Made         time.Time `json:"made"`
	SweepVersion string    `json:"sweep_version"`
	Host         string    `json:"host"`
	Cores        int       `json:"cores"`
	TTFT         float64   `json:"mock_ttft_s"` // of the reference server: arrival of a request to its first token
	ITL          float64   `json:"mock_itl_s"`  // of the reference server: between tokens
	// LateP50 and LateP99 are how late that server wrote its chunks by its own clock.
	LateP50 float64      `json:"mock_late_p50_s"`
	LateP99 float64      `json:"mock_late_p99_s"`
	Points  []PointFloor `json:"points"` // in the order of the plan
}

// PointFloor is the noise floor at one load point.
type PointFloor struct {
	LoadPoint string `json:"load_point"` // ID
	Label     string `json:"label"`
	// Errors by latency metric, in seconds: reported less true. A metric without
	// enough requests is left out.
	Errors   map[string]float64 `json:"errors,omitempty"`
	Requests int                `json:"requests"` // that succeeded in the window
	Window   float64            `json:"window_s"`
	// Invalid lists why the client could not keep up with the load: a trial of
	// it would be invalid too.
	Invalid []notice.Notice `json:"invalid,omitempty"`
	Skipped string          `json:"skipped,omitempty"` // why it was not measured
}

// Of is the noise floor of a metric at a load point in seconds, as an amount;
// false where it is not known.
func (f *Floor) Of(loadPoint, metric string) (float64, bool) {
	if f == nil {
		return 0, false
	}
	for _, p := range f.Points {
		if p.LoadPoint == loadPoint {
			e, ok := p.Errors[metric]
			return max(e, -e), ok
		}
	}
	return 0, false
}

// ReadFloor reads a noise floor; nil when the file is not there.
func ReadFloor(path string) (*Floor, error) {
	f := &Floor{}
	err := readJSON(path, f)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// WriteFloor stores a noise floor in a file.
func WriteFloor(path string, f *Floor) error {
	f.Format = FormatVersion
	return writeRecord(path, f)
}

// WriteFloor stores the noise floor that holds for the run.
func (d *Dir) WriteFloor(f *Floor) error { return WriteFloor(filepath.Join(d.Path, FloorFile), f) }
