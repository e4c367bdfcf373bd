package rundir

import "time"

// Source says which other tool made the load of a trial.
type Source struct {
	Tool    string `json:"tool"`              // guidellm, vllm-bench, ...
	Version string `json:"version,omitempty"` // of the tool; absent: not known
	Format  string `json:"format,omitempty"`  // dialect of its file
	File    string `json:"file"`
	Place   string `json:"place,omitempty"` // inside the file
	// Clock says where latencies count from: "intended" or "sent".
	Clock string `json:"clock,omitempty"`
	// Ends says where end-to-end latencies end, one of the constants below;
	// absent: not known, and in records of earlier versions.
	Ends string `json:"ends,omitempty"`
	// Recomputed says that the metrics come from the file's requests, not from
	// the tool's own summary.
	Recomputed bool `json:"recomputed"`
	// Metadata is what the tool was told to note of the run, in its user's words.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Where the end-to-end latencies of a tool end.
const (
	EndsToken    = "last token"
	EndsText     = "last chunk with text" // of AIPerf: later tokens without a text do not show
	EndsResponse = "response"
)

// Imported says what a run directory was made of, when sweep did not measure it.
type Imported struct {
	At       time.Time         `json:"at"`
	Files    []ImportedFile    `json:"files"`
	Declared map[string]string `json:"declared,omitempty"` // by whoever imported, not by the files
	Unknown  []string          `json:"unknown,omitempty"`  // what neither the files nor the importer told
}

// ImportedFile is one file that results were read from.
type ImportedFile struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
	Results int    `json:"results"`
}
