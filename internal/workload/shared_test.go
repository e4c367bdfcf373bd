package workload

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Real traces are read whole where the folder that holds them is named.
func TestSharedTraces(t *testing.T) {
	dir := os.Getenv("SWEEP_SHARED_DATA")
	if dir == "" {
		t.Skip("SWEEP_SHARED_DATA is not set")
	}
	for _, c := range []struct {
		file, format string
		least        int
		blocks       bool
	}{
		{"AzureLLMInferenceTrace_conv.csv.gz", Azure, 19_000, false},
		{"AzureLLMInferenceTrace_code.csv.gz", Azure, 8_000, false},
		{"mooncake_conversation_trace.jsonl.gz", Mooncake, 12_000, true},
		{"mooncake_synthetic_trace.jsonl.gz", Mooncake, 3_000, true},
	} {
		rows, digest, err := ReadTrace(filepath.Join(dir, "traces", c.file), c.format)
		if err != nil || len(rows) < c.least || len(digest) != 64 {
			t.Errorf("%s: %d rows, %v", c.file, len(rows), err)
			continue
		}
		if span := rows[len(rows)-1].At; span < 5*time.Minute || span > 2*time.Hour || c.blocks != (len(rows[0].Blocks) > 0) {
			t.Errorf("%s: %s, first row %+v", c.file, span, rows[0])
		}
	}
}
