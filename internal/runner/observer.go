package runner

import (
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Observer watches a run. Its methods are called from several goroutines, also
// at the same time, and must not block.
type Observer interface {
	// Message is one thing that happened, in one line. about are the notices that
	// the line says, with their subjects.
	Message(text string, about ...notice.Notice)
	// Status is the present state; it comes often.
	Status(s Status)
}

// Stages of the work.
const (
	StageStarting  = "starting"
	StageProbing   = "asking"
	StageSettling  = "warming up"
	StageMeasuring = "measuring"
	StageStopping  = "stopping"
	StageCooldown  = "cooling down"
	StageReporting = "writing the report"
)

// Status is the present state of a run.
type Status struct {
	Done, Total   int    // trials, of the stages that are planned
	More          bool   // the confirm stage is not planned yet; Total grows
	Configuration string // label
	Point         string // label of the load point, while measuring
	Block, Blocks int    // round and number of rounds, of the confirmation if Confirming
	Confirming    bool
	Stage         string
	StageBegan    time.Time
	Phase         string // of the startup, while starting
	PhaseBegan    time.Time
	Load          LoadStatus // while measuring
	Live          Live       // of the load in progress, or the last one
	Waiting       string     // for what, while cooling down
	Left          Left       // estimated time to the end of the run, as of At
	Share         float64    // of the run's time that is over, 0..1
	At            time.Time  // when this was the present state
	// GPUs of the lane whose state this is, "0" or "0,1", where starts run side
	// by side; a lane without a Stage has ended. Empty: there is one lane.
	GPUs string
}

// LoadStatus is a glimpse of the load in progress.
type LoadStatus struct {
	InWindow  bool
	Completed int
	Failed    int
	InFlight  int
}

type silent struct{}

func (silent) Message(string, ...notice.Notice) {}
func (silent) Status(Status)                    {}
