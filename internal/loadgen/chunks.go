package loadgen

import (
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/sse"
)

// chunks knows which chunks of a stream may turn out to carry no token.
//
// vLLM sends one chunk per token, with an empty text for a special token and
// for a part of a character, and the last token comes with the finish reason.
// llama-server sends the finish reason in a chunk of its own, without a token
// and with the same empty text. Only a count tells the two apart: token_ids of
// the chunk, usage that runs along with the chunks, or usage at the end.
type chunks struct {
	doubtful []doubtful    // of those that count as tokens
	end      time.Duration // the chunk with the finish reason came, if it carries nothing; 0: it did not
	endBlank bool          // it holds an empty text

	running bool // every chunk so far came with usage
	any     bool
}

// doubtful is a chunk with a choice and nothing in it.
type doubtful struct {
	index int  // among the request's chunks
	blank bool // it holds an empty text
}

// choice takes a chunk with a choice. The usage of the chunks before is in the record.
func (s *response) choice(c sse.Chunk, at, lag time.Duration) {
	k, rec := &s.chunks, s.rec
	k.running = c.HasUsage && (k.running || !k.any)
	k.any = true
	switch {
	case c.Token:
	case c.NoIDs:
		return
	case k.running && c.CompletionTokens == rec.OutputTokens:
		return
	case k.running && (!c.Finish || rec.OutputTokens > 0):
	case c.Role && rec.Chunks == 0:
		return // the role opens a chat answer, before any token or together with the first
	case c.Finish && k.end == 0:
		k.end, k.endBlank = at, c.Blank
		return
	default:
		k.doubtful = append(k.doubtful, doubtful{rec.Chunks, c.Blank})
	}
	s.token(at, lag)
}

// token counts a chunk that carries at least one token.
func (s *response) token(at, lag time.Duration) {
	rec := s.rec
	if rec.Chunks == 0 {
		rec.First = at
		rec.Gaps = make([]uint32, 0, max(0, min(rec.OutputAsked-1, 1<<16)))
	} else {
		s.client.gaps.add(at == rec.Last, lag)
		rec.Gaps = append(rec.Gaps, uint32(at.Microseconds()-rec.Last.Microseconds()))
	}
	rec.Chunks++
	rec.Last = at
}

// reconcile compares the chunks with the server's count when the stream has
// ended. Without a count the empty chunks stand for tokens, but the last does
// not: no token is invented.
func (s *response) reconcile() {
	if !s.usage {
		return
	}
	k, rec := &s.chunks, s.rec
	if k.end > 0 && k.endCarries(rec.Chunks, rec.OutputTokens) {
		s.token(max(k.end, rec.Last), 0)
	}
	// What holds no text at all is the first to go.
	for _, blank := range [...]bool{false, true} {
		for i := len(k.doubtful) - 1; i >= 0 && rec.Chunks > rec.OutputTokens; i-- {
			if d := k.doubtful[i]; d.blank == blank {
				k.doubtful = slices.Delete(k.doubtful, i, i+1)
				for l := i; l < len(k.doubtful); l++ {
					k.doubtful[l].index--
				}
				rec.dropChunk(d.index)
			}
		}
	}
}

// endCarries says whether the chunk with the finish reason, which shows
// nothing, carries a token: the server counts more than came before. Where one
// chunk held a whole answer of several tokens, its end is no token that came
// later.
func (k *chunks) endCarries(before, counted int) bool {
	switch {
	case counted <= before:
		return false
	case k.endBlank:
		return before != 1 || counted == 2
	default:
		return counted == before+1 && before != 1
	}
}

// dropChunk takes a chunk out of the record, by its index.
func (r *Request) dropChunk(i int) {
	switch last := r.Chunks - 1; {
	case last == 0:
		r.First, r.Last = -1, -1
	case i == 0:
		r.First = r.First.Truncate(time.Microsecond) + time.Duration(r.Gaps[0])*time.Microsecond
		r.First = min(r.First, r.Last)
		r.Gaps = r.Gaps[1:]
	case i == last:
		r.Last = max(r.Last.Truncate(time.Microsecond)-time.Duration(r.Gaps[i-1])*time.Microsecond, r.First)
		r.Gaps = r.Gaps[:i-1]
	default:
		r.Gaps[i-1] += r.Gaps[i]
		r.Gaps = slices.Delete(r.Gaps, i, i+1)
	}
	r.Chunks--
}
