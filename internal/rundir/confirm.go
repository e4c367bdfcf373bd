package rundir

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/vllm-sweep/sweep/matrix"
)

// EventConfirmPlanned is journaled when the finalists of the confirm stage are
// known and confirm.json holds them.
const EventConfirmPlanned = "confirm_planned"

// WriteConfirmation stores the confirm stage. It is written once: what a
// resumed run confirms is what it began to confirm.
func (d *Dir) WriteConfirmation(c *matrix.Confirmation) error {
	return writeRecord(filepath.Join(d.Path, confirmFile), c)
}

// readConfirmation returns nil where the stage was not planned (yet).
func readConfirmation(path string) (*matrix.Confirmation, error) {
	c := &matrix.Confirmation{}
	err := readJSON(filepath.Join(path, confirmFile), c)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return c, err
}
