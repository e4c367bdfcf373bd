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
}

// ParseFaults reads a comma-separated list such as "die-after=3,ignore-term".
// A count or code may follow each name; it defaults to 1.
func ParseFaults(list string) (Faults, error) {
	var f Faults
	counts := map[string]*int{
		"exit-at-once": &f.ExitAtOnce, "die-after": &f.DieAfter, "crash-after": &f.CrashAfter, "wedge": &f.WedgeAfter,
		"error-in-stream": &f.ErrorInStream, "truncate": &f.Truncate, "reset": &f.Reset,
		"503": &f.Unavailable, "empty-200": &f.Empty, "stall": &f.Stall,
	}
	switches := map[string]*bool{"hang-at-start": &f.HangAtStart, "ignore-term": &f.IgnoreTerm}
	for _, item := range strings.Split(list, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(item), "=")
		switch {
		case name == "":
		case name == "slow-start":
			d, err := time.ParseDuration(value)
			if err != nil {
				return f, fmt.Errorf("fault %s: %w", item, err)
			}
			f.SlowStart = d
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
