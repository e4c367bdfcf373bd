package server

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Faults are the ways in which a simulated server misbehaves. Those counted
// "every" hit each n-th generation request, 0 = none.
type Faults struct {
	ExitAtOnce    int           // exit code before anything starts; 0 = off
	HangAtStart   bool          // never ready
	SlowStart     time.Duration // added to the start
	IgnoreTerm    bool          // SIGTERM has no effect
	DieAfter      int           // engine dies at the n-th request's first token
	CrashAfter    int           // the whole process exits with 137 then
	WedgeAfter    int           // engine stops for ever at the n-th request's first token
	ErrorInStream int           // every: an error chunk amid the stream
	Truncate      int           // every: the stream ends half-way, without [DONE]
	Reset         int           // every: the connection is cut half-way
	Unavailable   int           // every: 503
	Empty         int           // every: 200 with an empty body
	Stall         int           // every: the answer stops half-way and stays open
	Silence       int           // every: no byte of an answer, the connection stays open
	SlowToken     int           // every: one token half-way comes slowSeconds late
	OOM           int           // engine runs out of memory once so many requests run at once
	LogFlood      int           // lines of noise in the log per second
	LateMemory    time.Duration // GPU memory stays taken so long after the end
}

// slowSeconds is the delay of the slow-token fault, simulated.
const slowSeconds = 2

// ParseFaults reads a comma-separated list such as "die-after=3,ignore-term".
// A count or code may follow each name; it defaults to 1.
func ParseFaults(list string) (Faults, error) {
	var f Faults
	counts := map[string]*int{
		"exit-at-once": &f.ExitAtOnce, "die-after": &f.DieAfter, "crash-after": &f.CrashAfter, "wedge": &f.WedgeAfter,
		"error-in-stream": &f.ErrorInStream, "truncate": &f.Truncate, "reset": &f.Reset,
		"log-flood": &f.LogFlood, "503": &f.Unavailable, "empty-200": &f.Empty, "stall": &f.Stall,
		"silence": &f.Silence, "slow-token": &f.SlowToken, "oom": &f.OOM,
	}
	switches := map[string]*bool{"hang-at-start": &f.HangAtStart, "ignore-term": &f.IgnoreTerm}
	durations := map[string]*time.Duration{"slow-start": &f.SlowStart, "late-memory": &f.LateMemory}
	for _, item := range strings.Split(list, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(item), "=")
		switch {
		case name == "":
		case durations[name] != nil:
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return f, fmt.Errorf("fault %s: want a duration such as 30s behind =", item)
			}
			*durations[name] = d
		case name == "log-flood" && !given:
			f.LogFlood = 1000
		case switches[name] != nil && !given:
			*switches[name] = true
		case counts[name] != nil:
			n := 1
			if given {
				var err error
				if n, err = strconv.Atoi(value); err != nil || n < 1 {
					return f, fmt.Errorf("fault %s: want a positive number behind =", item)
				}
			}
			*counts[name] = n
		default:
			return f, fmt.Errorf("unknown fault %q", item)
		}
	}
	return f, nil
}

// hits says whether the n-th request (from 1) is one of "every" every.
func hits(every int, n int64) bool { return every > 0 && n%int64(every) == 0 }
