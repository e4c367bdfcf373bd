// Package analysis turns trial records into findings: an estimate per cell, a
// ratio and a verdict against the baseline, the Pareto frontier and a
// recommendation per use case. It reads records and knows nothing of how they
// were made.
//
// The unit of replication is the trial (one server start with its load run).
// Analysis works on the logarithm of per-trial metrics, so that estimates are
// geometric means and comparisons are ratios.
package analysis

import (
	"encoding/json"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Input is everything that analysis needs, in memory.
type Input struct {
	Plan     *matrix.Plan
	SLO      []experiment.Constraint
	UseCases []experiment.UseCase
	Trials   []rundir.Trial
	Starts   []rundir.Start
	// Floor is the load generator's noise floor; nil: not known.
	Floor *rundir.Floor
	// Frontiers are asked for beside the usual ones, for every load.
	Frontiers []Axes
	// GPU is the name of the device that the server ran on, for bounds on what
	// it can do; empty: not known.
	GPU string
	// Confidence level of intervals, e.g. 0.95 (0: DefaultConfidence).
	Confidence float64
	// Margin is the practical margin of verdicts, e.g. 0.03 (0: DefaultMargin).
	Margin float64
}

// Defaults.
const (
	DefaultConfidence = 0.95
	DefaultMargin     = 0.03
)

// Findings is what a run says. It is stored as report/results.json; the JSON
// form is documented in docs/run-directory.md.
type Findings struct {
	Confidence      float64          `json:"confidence"`
	Margin          float64          `json:"margin"`
	Baseline        string           `json:"baseline,omitempty"`                // configuration ID
	Cells           []Cell           `json:"cells"`                             // in plan order, failed ones included
	Frontiers       []Frontier       `json:"frontiers"`                         // one per load, and per latency metric asked for
	Effects         []Effect         `json:"effects"`                           // parameter levels against the baseline
	MainEffects     []MainEffect     `json:"main_effects,omitempty"`            // averaged over settings and load points
	Interactions    []Interaction    `json:"interactions,omitempty"`            // where the design measured them
	NotTested       []NotTested      `json:"interactions_not_tested,omitempty"` // pairs of parameters
	BlockEffects    []BlockEffect    `json:"block_effects,omitempty"`           // what blocks did to all cells alike
	Precision       []Precision      `json:"precision,omitempty"`               // what the run could have found
	VarianceSplits  []VarianceSplit  `json:"variance_splits,omitempty"`         // between and inside starts
	Recommendations []Recommendation `json:"recommendations"`                   // one per use case, in file order
	// Finalists are what the confirm stage is to measure, empty once it is planned.
	Finalists []matrix.Finalist `json:"finalists,omitempty"`
	// Confirm is what the confirm stage measured; nil before it and without it.
	Confirm  *Confirm  `json:"confirm,omitempty"`
	Failures []Failure `json:"failures,omitempty"` // configurations that could not start or died
	// Discounted shows results with and without the trials that do not count.
	Discounted []Discounted    `json:"discounted,omitempty"`
	Checks     []Check         `json:"checks,omitempty"`   // inconsistencies of trials, then of configurations
	Warnings   []notice.Notice `json:"warnings,omitempty"` // caveats about the run as a whole
}

// Cell is one configuration at one load point.
type Cell struct {
	ID            string         `json:"id"`
	Configuration string         `json:"configuration"` // ID
	Label         string         `json:"label"`         // of the configuration
	LoadPoint     string         `json:"load_point"`    // ID
	PointLabel    string         `json:"point_label"`
	Load          string         `json:"load"`
	Baseline      bool           `json:"baseline,omitempty"`
	GPUs          int            `json:"gpus"`              // 0: none, or not known
	Trials        int            `json:"trials"`            // that count
	Invalid       int            `json:"invalid"`           // measured but not counted
	Repeats       int            `json:"repeats,omitempty"` // records that measure a planned trial again because it did not count
	Failed        int            `json:"failed"`
	FailedBy      map[string]int `json:"failed_by,omitempty"` // the failed ones by cause, see rundir.FailureCauses
	Skipped       int            `json:"skipped,omitempty"`   // not measured, for a known reason
	Missing       int            `json:"missing"`             // planned and not run (yet)
	// LengthGap is how the lengths of answers or prompts differ from those of the
	// other configurations, so that nothing which depends on them is ranked.
	LengthGap   LengthGap           `json:"length_gap,omitzero"`
	Estimates   map[string]Estimate `json:"estimates,omitempty"` // by metric name
	Absent      map[string]string   `json:"absent,omitempty"`    // metric → why some or all trials lack it
	Ratios      map[string]Ratio    `json:"ratios,omitempty"`    // to the baseline at the same load point
	MeetsSLO    *bool               `json:"meets_slo,omitempty"` // point estimates against the experiment's slo; nil: cannot tell or none
	SLOFailures []notice.Notice     `json:"slo_failures,omitempty"`
	Warnings    []notice.Notice     `json:"warnings,omitempty"`
}

// Planned is how many trials the plan has of the cell, measured or not.
func (c Cell) Planned() int {
	return c.Trials + c.Invalid + c.Failed + c.Skipped + c.Missing - c.Repeats
}

// Estimate is a value over trials with its doubt, in the metric's base unit.
type Estimate struct {
	Center float64 `json:"center"`       // geometric mean of the per-trial values (arithmetic where one is zero)
	Lo     float64 `json:"lo,omitempty"` // interval; equal to Hi and 0 when there is none
	Hi     float64 `json:"hi,omitempty"` //
	N      int     `json:"n"`            // trials
	// Upper is the conservative estimate of a percentile beside Center: the
	// geometric mean of the trials' upper bounds; 0 where a trial has none.
	Upper  float64 `json:"upper,omitempty"`
	Method string  `json:"method"`           // one of the Method constants
	Values []Value `json:"values,omitempty"` // the trials behind it
}

// HasInterval reports whether Lo and Hi mean something.
func (e Estimate) HasInterval() bool { return e.Hi > e.Lo }

// Value is one trial's contribution.
type Value struct {
	Trial string  `json:"trial"`
	Block int     `json:"block"`
	Order int     `json:"order"`
	Value float64 `json:"value"`
}

// Verdicts of a comparison.
const (
	Better = "better" // significant after correction, in the metric's better direction, and not Equivalent
	Worse  = "worse"  // the same, in the other direction
	// NotComparable: answers or prompts of another length, see Reasons.
	NotComparable = "not comparable"
	Equivalent    = "equivalent" // surely within the margin (TOST), whether or not different from 1
	Undecided     = "undecided"  // Reasons say why
)

// Ratio compares a cell with the baseline at the same load point.
type Ratio struct {
	Center     float64 `json:"center"` // cell / baseline
	Lo         float64 `json:"lo,omitempty"`
	Hi         float64 `json:"hi,omitempty"`
	P          float64 `json:"p,omitempty"`          // two-sided, before correction; 0 when untested
	PAdjusted  float64 `json:"p_adjusted,omitempty"` // Holm over the family
	Q          float64 `json:"q,omitempty"`          // Benjamini-Hochberg over the same family, for exploring: no verdict rests on it
	PRank      float64 `json:"p_rank,omitempty"`     // exact Mann-Whitney test, a cross-check where two runs are compared
	Verdict    string  `json:"verdict"`
	MoreTrials int     `json:"more_trials,omitempty"` // further blocks likely needed to decide; 0: decided or cannot tell
	// Reasons say why it is undecided, or what limits the verdict.
	Reasons []notice.Notice `json:"reasons,omitempty"`
}

// Reason is the text of the reasons.
func (r Ratio) Reason() string { return joined(r.Reasons) }

func joined(reasons []notice.Notice) string { return strings.Join(notice.Texts(reasons), "; ") }

// MarshalJSON adds the text of the reasons, as earlier versions had it.
func (r Ratio) MarshalJSON() ([]byte, error) {
	type plain Ratio
	return json.Marshal(struct {
		plain
		Reason string `json:"reason,omitempty"`
	}{plain(r), r.Reason()})
}

// HasInterval reports whether Lo and Hi mean something.
func (r Ratio) HasInterval() bool { return r.Hi > r.Lo }

// Frontier is the set of cells of one load that no other cell beats on both axes.
type Frontier struct {
	Load   string   `json:"load"`
	X      string   `json:"x"`     // latency metric, lower is better
	Y      string   `json:"y"`     // throughput metric, higher is better
	Cells  []string `json:"cells"` // IDs, by rising X
	Method string   `json:"method"`
	Asked  bool     `json:"asked,omitempty"` // beside the usual ones
	// Membership of the cells that are on it or may be, most likely first.
	Membership  []Membership `json:"membership,omitempty"`
	Hypervolume *Hypervolume `json:"hypervolume,omitempty"` // nil without a baseline
	Knee        string       `json:"knee,omitempty"`        // cell after which more throughput costs the most latency; empty: no clear one
	// Skipped are cells without an estimate of X or Y, with the reasons.
	Skipped map[string][]notice.Notice `json:"skipped,omitempty"`
}

// Effect is one level of one parameter, alone against the baseline, at one load point.
type Effect struct {
	Parameter     string           `json:"parameter"`
	Level         string           `json:"level"`
	Configuration string           `json:"configuration"`
	LoadPoint     string           `json:"load_point"`
	Ratios        map[string]Ratio `json:"ratios"` // by metric name
}

// Recommendation answers one use case.
type Recommendation struct {
	UseCase   string `json:"use_case"`
	Objective string `json:"objective"`
	Maximize  bool   `json:"maximize"`
	Load      string `json:"load"`
	// Constraints in force, with what the winner reached.
	Constraints []ConstraintCheck `json:"constraints"`
	// Cell is the winner's ID; empty when nothing qualifies, then Refused says why.
	Cell          string           `json:"cell,omitempty"`
	Configuration string           `json:"configuration,omitempty"`
	Label         string           `json:"label,omitempty"`
	PointLabel    string           `json:"point_label,omitempty"`
	Flags         experiment.Flags `json:"flags,omitempty"`
	Command       string           `json:"command,omitempty"`   // the exact server command line
	Container     string           `json:"container,omitempty"` // the same in a container, as it was started; secrets redacted
	Estimate      *Estimate        `json:"estimate,omitempty"`
	// Feasible is the probability that all constraints hold, taken as independent.
	Feasible    *float64      `json:"feasible,omitempty"`
	Sensitivity []Sensitivity `json:"sensitivity,omitempty"`
	Overturn    []Rival       `json:"overturn,omitempty"`     // what could overturn it, most likely first
	NearestMiss *NearestMiss  `json:"nearest_miss,omitempty"` // when refused
	Ratio       *Ratio        `json:"ratio,omitempty"`        // objective against BaselineCell; nil when the winner is the baseline
	// SameLoad is the objective against the baseline at the winner's load point,
	// where BaselineCell is at another; nil elsewhere.
	SameLoad *Ratio `json:"same_load,omitempty"`
	// TradeOffs are the metrics in which the winner is worse than the baseline at
	// the same load point, by name.
	TradeOffs []TradeOff `json:"trade_offs,omitempty"`
	// BaselineCell is what Ratio compares with: the baseline's best qualifying
	// cell, or its cell at the winner's load point when it qualifies nowhere.
	BaselineCell      string `json:"baseline_cell,omitempty"`
	BaselineQualifies bool   `json:"baseline_qualifies,omitempty"`
	// Ties are other configurations that the data cannot separate from the winner.
	Ties []Tie `json:"ties,omitempty"`
	// Leader has the better point estimate and is not shown to be better than the
	// baseline, so that it is not recommended; nil: none.
	Leader *Leader `json:"leader,omitempty"`
	// Preferred says why a winner without the best point estimate won.
	Preferred *notice.Notice  `json:"preferred,omitempty"`
	Refused   []notice.Notice `json:"refused,omitempty"` // reasons; with the nearest miss
	// Confirmed is true when Cell, Estimate and Ratio come from the confirm
	// stage: fresh starts with new seeds, apart from the trials that chose them.
	Confirmed bool `json:"confirmed"`
	// Confirmation is the outcome of the confirm stage or why there is none, one
	// of the Standing constants; empty when nothing is recommended.
	Confirmation string `json:"confirmation,omitempty"`
	// Screening is what the blocks had estimated for the same cell, Shrinkage
	// that estimate over the confirmed one less 1; both only when confirmed.
	Screening *Estimate `json:"screening,omitempty"`
	Shrinkage *float64  `json:"shrinkage,omitempty"`
	// ScreeningCell is the cell that the blocks had recommended.
	ScreeningCell string          `json:"screening_cell,omitempty"`
	Doubts        []notice.Notice `json:"doubts,omitempty"`
	Notices       []notice.Notice `json:"notices,omitempty"`
}

// Tie is a configuration not separable from the winner.
type Tie struct {
	Cell       string   `json:"cell"`
	Label      string   `json:"label"`
	PointLabel string   `json:"point_label"` // its load point may be another than the winner's
	Estimate   Estimate `json:"estimate"`
}

// Leader is a configuration in front of the recommended one.
type Leader struct {
	Cell          string   `json:"cell"`
	Configuration string   `json:"configuration"`
	Label         string   `json:"label"`
	PointLabel    string   `json:"point_label"`
	Estimate      Estimate `json:"estimate"`
	Ratio         Ratio    `json:"ratio"` // of the objective to the baseline, with the reason of its verdict
}

// ConstraintCheck is one constraint with the winner's (or nearest miss's) value.
type ConstraintCheck struct {
	Metric string        `json:"metric"`
	Op     experiment.Op `json:"op"`
	Limit  float64       `json:"limit"`
	Value  *float64      `json:"value,omitempty"`
	Holds  bool          `json:"holds"`
	// Probability that the true value holds; absent where it cannot be told.
	Probability *float64 `json:"probability,omitempty"`
}

// Failure is a configuration that could not be measured.
type Failure struct {
	Configuration string `json:"configuration"`
	Label         string `json:"label"`
	Class         string `json:"class"`
	// Why is what happened, Remedy what to do; the latter is zero where nothing
	// helps.
	Why    []notice.Notice `json:"why"`
	Remedy notice.Notice   `json:"advice,omitzero"`
	Starts []string        `json:"starts"` // IDs of the failed starts
	// Trials that failed on a server that lived: it refused every request, or no
	// load could be made. Class is then their cause, see rundir.FailureCauses.
	Trials     []string `json:"trials,omitempty"`
	AfterReady bool     `json:"after_ready,omitempty"`
	Skipped    bool     `json:"skipped,omitempty"` // not launched: known to be unable to start
}

// MarshalJSON writes a failure with its cause and its remedy in words too, for
// readers that do not have the catalogue.
func (f Failure) MarshalJSON() ([]byte, error) {
	type plain Failure
	return json.Marshal(struct {
		plain
		Cause       string `json:"cause"`
		RemedyWords string `json:"remedy,omitempty"`
	}{plain(f), f.Cause(), f.Remedy.Text()})
}

// Cause is what happened, in words.
func (f Failure) Cause() string { return strings.Join(notice.Texts(f.Why), " ") }
