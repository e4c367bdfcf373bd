package engine

// State is where a request stands.
type State int

// States of a request. Preempted ones wait again.
const (
	Created State = iota
	Waiting
	Running
	Finished
	Aborted
)

// Request is one sequence to prefill and decode. The caller sets the first
// group of fields and reads the second; the engine owns both until the
// request is Finished or Aborted.
type Request struct {
	ID       uint64
	Arrival  float64 // when the engine core receives it
	Prompt   int     // prompt tokens, >= 1
	Output   int     // tokens after which it ends, >= 1; Prompt+Output <= MaxModelLen
	Priority int     // smaller goes first under the priority policy
	Content  Content // nil = nothing in common with any other request
	Owner    any     // the caller's; the engine does not look at it

	State       State
	Generated   int
	Cached      int // prompt tokens found in the prefix cache at first admission
	Preemptions int
	Scheduled   float64 // first admission
	FirstToken  float64 // end of the step that sampled it
	LastToken   float64
	Gap         float64 // from the token before to LastToken, from the second on

	computed int
	hit      int // tokens found in the prefix cache at the latest admission
	step     int // tokens scheduled in the step under way
	blocks   []int32
	hashes   []uint64
	kept     int // blocks offered to the prefix cache
	order    int // arrival order, breaks ties of priority
	index    int // position in the waiting heap
}

// Tokens is the number of tokens known so far.
func (r *Request) Tokens() int { return r.Prompt + r.Generated }

// blockHash returns the hash of the request's i-th full block.
func (r *Request) blockHash(i, size int) uint64 {
	for len(r.hashes) <= i {
		n := len(r.hashes)
		var prev uint64
		if n > 0 {
			prev = r.hashes[n-1]
		}
		r.hashes = append(r.hashes, r.Content.BlockHash(prev, n*size, (n+1)*size))
	}
	return r.hashes[i]
}
