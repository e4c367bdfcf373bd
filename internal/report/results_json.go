package report

import (
	"bytes"
	"encoding/json"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/matrix"
)

// SchemaVersion of results.json. It rises when a member changes its meaning or
// goes; new members do not raise it.
//
// 2: warnings of cells are notices, objects with a code; they were sentences.
const SchemaVersion = 2

// Results is the content of results.json: the findings, with as much of the
// plan as is needed to read the IDs in them.
type Results struct {
	SchemaVersion  int                    `json:"schema_version"`
	RunID          string                 `json:"run_id,omitempty"`
	Name           string                 `json:"name"`
	Model          string                 `json:"model"`
	Backend        string                 `json:"backend"`
	Simulated      bool                   `json:"simulated"`
	Finished       bool                   `json:"finished"`
	Configurations []matrix.Configuration `json:"configurations"`
	LoadPoints     []matrix.LoadPoint     `json:"load_points"`
	Findings       *analysis.Findings     `json:"findings"`
}

func renderResults(in Input) ([]byte, error) {
	r := Results{
		SchemaVersion: SchemaVersion,
		Name:          in.Plan.Name, Model: in.Plan.Model, Backend: in.Plan.Backend,
		Simulated: simulated(in), Finished: in.Finished,
		Configurations: in.Plan.Configurations, LoadPoints: in.Plan.LoadPoints,
		Findings: in.Findings,
	}
	if in.Provenance != nil {
		r.RunID = in.Provenance.RunID
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(r)
	return b.Bytes(), err
}

// simulated reports whether the servers were simulated ones.
func simulated(in Input) bool {
	return in.Plan.Backend == "simulated" || in.Provenance != nil && in.Provenance.Simulated
}
