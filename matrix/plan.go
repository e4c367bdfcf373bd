// Package matrix turns an experiment into a plan: configurations, load points,
// cells, exclusions, run order and a cost estimate, all with stable
// content-hashed IDs. It launches nothing.
//
// A parameter is a swept flag, a level one of its values, a configuration a
// complete set of server flags, a load point one point of a load's arrival
// process, a cell a configuration at a load point, a block one visit of every
// cell in random order, a start one launch of a server, and a trial one load
// run on one start: the unit of replication.
package matrix

import (
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Plan is everything a run will do, known before it begins. It is stored as
// plan.json in the run directory; its JSON form is documented in
// docs/run-directory.md.
type Plan struct {
	Name           string          `json:"name"`
	Model          string          `json:"model"`
	Backend        string          `json:"backend"`
	Engine         string          `json:"engine,omitempty"`     // make of the server where it is not vLLM
	FlagStyle      string          `json:"flag_style,omitempty"` // how the server's flags are written where not with hyphens
	Strategy       string          `json:"strategy"`
	Order          string          `json:"order"`
	Seed           uint64          `json:"seed"`
	Blocks         int             `json:"blocks"`
	PerStart       int             `json:"per_start,omitempty"` // trials of each cell on one start, when more than 1
	Parameters     []string        `json:"parameters"`          // names, in file order
	Configurations []Configuration `json:"configurations"`      // baseline first, then declaration order
	LoadPoints     []LoadPoint     `json:"load_points"`         // in file order
	Cells          []Cell          `json:"cells"`               // configurations x load points, in declaration order
	Starts         []Start         `json:"starts"`              // in run order
	Excluded       []Exclusion     `json:"excluded,omitempty"`
	Estimate       Estimate        `json:"estimate"`
	// SLO and UseCases are the questions that the run is to answer, as in the
	// experiment file.
	SLO      []experiment.Constraint `json:"slo,omitempty"`
	UseCases []experiment.UseCase    `json:"use_cases,omitempty"`
	// ConfirmStage is the stage after the blocks, nil where there is none.
	ConfirmStage *ConfirmStage `json:"confirm,omitempty"`
	// Detectable says what differences the blocks can find; empty where none is tested.
	Detectable []Detectable `json:"detectable,omitempty"`
	// Confirmation is set by With once the finalists are known; it is stored
	// apart, as confirm.json.
	Confirmation *Confirmation `json:"-"`
	// Warnings say what the results will not be able to show.
	Warnings []notice.Notice `json:"warnings,omitempty"`
}

// Round places a block: a round of the screening, or one of the confirmation,
// which has its own count. Blocks count on from one to the other.
func (p *Plan) Round(block int) (round, of int, confirming bool) {
	if n := block - p.Blocks; n > 0 && p.ConfirmStage != nil {
		return n, p.ConfirmStage.Starts, true
	}
	return block, p.Blocks, false
}

// RoundText names a round: "round 1/3", "confirmation 1/2".
func RoundText(round, of int, confirming bool) string {
	if confirming {
		return fmt.Sprintf("confirmation %d/%d", round, of)
	}
	return fmt.Sprintf("round %d/%d", round, of)
}

// Configuration is a complete set of server flags.
type Configuration struct {
	ID       string           `json:"id"`    // "c-" and 8 hex digits of the content hash
	Label    string           `json:"label"` // "baseline", or the flags that differ: "max-model-len=4096"
	Baseline bool             `json:"baseline,omitempty"`
	Flags    experiment.Flags `json:"flags"`             // complete and effective, in file order
	Changed  experiment.Flags `json:"changed,omitempty"` // those that differ from the baseline
	GPUs     int              `json:"gpus"`              // tensor x pipeline x data parallel size; 0: none, or not known
}

// LoadPoint is one point of a load.
type LoadPoint struct {
	ID    string                 `json:"id"`    // "l-" and 8 hex digits
	Label string                 `json:"label"` // "chat poisson 5/s", "documents c=16"
	Load  string                 `json:"load"`  // name of the load
	Kind  experiment.ArrivalKind `json:"kind"`
	// Value is the rate in req/s, or sessions/s (constant, poisson, gamma), the
	// rate at the end (ramp), the speed (trace), the concurrency (concurrency) or
	// the cap (throughput). For kind sweep it is the position
	// in 0..1 between the synchronous (0) and the saturated point (1).
	Value          float64 `json:"value"`
	MaxConcurrency int     `json:"max_concurrency,omitempty"`
	// StopWhenSaturated: the points of the load run in rising order on each
	// start, and none after one that saturated it.
	StopWhenSaturated bool `json:"stop_when_saturated,omitempty"`
}

// Cell is a configuration at a load point.
type Cell struct {
	ID            string `json:"id"` // "x-" and 8 hex digits
	Configuration string `json:"configuration"`
	LoadPoint     string `json:"load_point"`
}

// Purposes of a start.
const (
	PurposeMeasure   = "measure"
	PurposeFindRates = "calibrate" // finds the rates of sweep loads on the baseline; its trials are not results
)

// Start is one planned launch of a server with the trials run on it.
type Start struct {
	ID            string  `json:"id"`    // "s01-c1a2b3c4": place in the run order and configuration
	Block         int     `json:"block"` // from 1; 0 for the search for rates
	Configuration string  `json:"configuration"`
	Purpose       string  `json:"purpose"`
	Trials        []Trial `json:"trials"` // in run order
}

// Trial is one planned load run.
type Trial struct {
	ID   string `json:"id"`   // "t001-x1a2b3c4"
	Cell string `json:"cell"` // cell ID
	// Block the trial counts for; with order sequential the repeats of one
	// start have rising blocks.
	Block int `json:"block"`
	// Seed of prompts and arrivals: shared by all cells of a block at the same
	// load point, different between blocks.
	Seed uint64 `json:"seed"`
}

// Exclusion is a configuration that is not run, and why.
type Exclusion struct {
	Label  string           `json:"label"`
	Flags  experiment.Flags `json:"flags"` // complete
	Reason string           `json:"reason"`
}

// Estimate is the predicted cost. Start and release times are assumptions
// until measured, and named here.
type Estimate struct {
	Starts        int           `json:"starts"`
	Trials        int           `json:"trials"`                      // without those of the search for rates
	PerStart      time.Duration `json:"per_start_ns"`                // assumed launch to ready plus stop and release
	Loading       time.Duration `json:"loading_ns"`                  // all starts
	Measuring     time.Duration `json:"measuring_ns"`                // warm-up, load and drain of all trials
	CoolingDown   time.Duration `json:"cooldown_ns"`                 // at_least of every start
	CooldownLimit time.Duration `json:"cooldown_limit_ns,omitempty"` // at_most of every start, when conditions are waited for
	Total         time.Duration `json:"total_ns"`                    //
	GPUHours      float64       `json:"gpu_hours"`                   // GPUs of each start x its share of the time
	// The confirm stage, at most and at least; not in the figures above.
	ConfirmStarts   int           `json:"confirm_starts,omitempty"`
	Confirming      time.Duration `json:"confirming_ns,omitempty"`
	ConfirmingLeast time.Duration `json:"confirming_least_ns,omitempty"`
	UnknownTrials   int           `json:"unknown_trials"` // trials bounded by requests in closed loop, guessed with an assumed latency
}

// CommandLine is flags as the run's servers take them, quoted for a POSIX shell.
func (p *Plan) CommandLine(flags experiment.Flags) string { return say.Shell(flags.Args(p.FlagStyle)) }

// Configuration returns the configuration with that ID, or false.
func (p *Plan) Configuration(id string) (Configuration, bool) {
	for _, c := range p.Configurations {
		if c.ID == id {
			return c, true
		}
	}
	return Configuration{}, false
}

// LoadPoint returns the load point with that ID, or false.
func (p *Plan) LoadPoint(id string) (LoadPoint, bool) {
	for _, l := range p.LoadPoints {
		if l.ID == id {
			return l, true
		}
	}
	return LoadPoint{}, false
}

// Cell returns the cell with that ID, or false.
func (p *Plan) Cell(id string) (Cell, bool) {
	for _, c := range p.Cells {
		if c.ID == id {
			return c, true
		}
	}
	return Cell{}, false
}

// Baseline returns the baseline configuration, or false when it is excluded.
func (p *Plan) Baseline() (Configuration, bool) {
	for _, c := range p.Configurations {
		if c.Baseline {
			return c, true
		}
	}
	return Configuration{}, false
}

// MeasuredTrials returns the trials that become results, in run order: all but
// those of the search for rates.
func (p *Plan) MeasuredTrials() []Trial {
	var out []Trial
	for _, s := range p.Starts {
		if s.Purpose != PurposeFindRates {
			out = append(out, s.Trials...)
		}
	}
	return out
}
