package loadgen

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/sse"
)

// said is how much of such a response is searched for the server's words.
const said = 16 << 10

// enough is how much of a response that is no stream is read, so that its
// connection can be used again.
const enough = 1 << 20

var errEnough = fmt.Errorf("more than %d bytes that are not a stream", enough)

// response is the state of one response stream.
type response struct {
	client *client
	rec    *Request

	refused    Class  // the class of a response that is no stream
	what       string // it was instead
	body       []byte // its beginning, where that says more
	beyond     int    // how long it is so far
	unreadable bool   // it says nothing to a reader

	split   sse.Splitter
	chunks  chunks
	done    bool  // [DONE] or a finish reason was seen
	full    bool  // the finish reason was length
	usage   bool  // token counts were sent
	failed  bool  // an error event was seen
	badness error // first payload that could not be read

	ended time.Duration // the last byte of the response came; 0: it did not

	keep *answerText // where the text goes; nil: it is not kept
}

// slowConnect is about when Linux sends the first packet of a connection again
// (RFC 6298: after a second): the server's queue of connections was full, or
// the packet was lost.
const slowConnect = 900 * time.Millisecond

// written books a send: how long the connection took to be there, and the
// kernel from then on to take the first byte.
func (s *response) written(connect, handed time.Duration) {
	if connect > slowConnect {
		s.client.slow.Add(1)
	}
	s.client.writeLags.add(handed, false)
}

// head takes the beginning of the response, and decides whether it is a stream.
func (s *response) head(status int, text string, header http.Header) {
	s.rec.Status = status
	kind, coding := header.Get("Content-Type"), header.Get("Content-Encoding")
	switch parsed, _, err := mime.ParseMediaType(kind); {
	case status != http.StatusOK:
		s.refused, s.what = ClassHTTP, text
	case coding != "" && coding != "identity":
		s.refused, s.what = ClassProtocol, fmt.Sprintf("the answer is compressed (%s), though nobody asked for it", coding)
		s.unreadable = true
	case err != nil || parsed != "text/event-stream":
		s.refused, s.what = ClassProtocol, fmt.Sprintf("not an event stream but content type %q", kind)
	}
}

// feed takes bytes of the body that arrived at the given offset and were read
// so much later. All events of one read share its time.
func (s *response) feed(p []byte, at, lag time.Duration) error {
	if s.refused != "" {
		if !s.unreadable {
			s.body = append(s.body, p[:min(len(p), said-len(s.body))]...)
		}
		if s.beyond += len(p); s.beyond > enough {
			return errEnough
		}
		return nil
	}
	at = max(at, s.rec.Last)
	s.split.Feed(p)
	for s.split.Next() {
		s.event(at, lag)
	}
	if s.rec.Last == at {
		s.client.lastToken.Store(int64(at))
	}
	return s.split.Err()
}

// event handles one event that arrived at the given offset and was read so
// much later.
func (s *response) event(at, lag time.Duration) {
	chunk, err := sse.Parse(s.split.Data())
	rec := s.rec
	switch {
	case err != nil:
		if s.badness == nil {
			s.badness = err
		}
		return
	case chunk.IsError:
		if !s.failed {
			s.failed, rec.Error = true, chunk.Error
		}
		return
	}
	if chunk.Abort && !s.failed {
		s.failed, rec.Error = true, "the server gave the answer up (finish_reason abort or error)"
	}
	if chunk.Token && s.keep != nil {
		s.keep.add(s.split.Data())
	}
	if chunk.Choice {
		s.choice(chunk, at, lag)
	}
	if chunk.HasUsage {
		s.usage = true
		rec.PromptTokens, rec.OutputTokens = chunk.PromptTokens, chunk.CompletionTokens
	}
	s.done, s.full = s.done || chunk.Done || chunk.Finish, s.full || chunk.Full
}

// tolerance of the output length with ignore_eos: MLPerf accepts 90% to 110%.
const tolerance = 0.10

// judge gives the request its class. readErr is nil at the regular end of the
// response; cut is the class of a response that broke off.
func (s *response) judge(readErr error, cut Class, exact bool) {
	rec := s.rec
	if rec.OutputTokens == 0 { // no usage, or one that does not count what was sent
		s.usage, rec.PromptTokens = false, 0
	}
	s.reconcile()
	if !s.usage {
		rec.OutputTokens = rec.Chunks
	}
	off := rec.OutputTokens - rec.OutputAsked
	switch {
	case s.failed:
		rec.fail(ClassStream, rec.Error)
	case s.badness != nil:
		rec.fail(ClassProtocol, s.badness.Error())
	case errors.Is(readErr, sse.ErrTooLong):
		rec.fail(ClassProtocol, readErr.Error())
	case readErr != nil && !(s.done && rec.Chunks > 0):
		rec.fail(cut, fmt.Sprintf("after %d chunks: %s", rec.Chunks, broke(readErr)))
	case rec.Chunks == 0 && rec.OutputTokens > 0:
		rec.fail(ClassEmpty, fmt.Sprintf("no token in the stream, though the server counts %d", rec.OutputTokens))
	case rec.Chunks == 0:
		rec.fail(ClassEmpty, "no token in the stream")
	case !s.done:
		rec.fail(ClassTruncated, fmt.Sprintf("ended after %d chunks without [DONE] or finish_reason", rec.Chunks))
	case s.full && s.usage && off < 0:
		rec.fail(ClassTokens, rec.cutShort())
	case exact && s.usage && max(off, -off) > int(tolerance*float64(rec.OutputAsked)):
		rec.fail(ClassTokens, fmt.Sprintf("%d output tokens, %d asked for", rec.OutputTokens, rec.OutputAsked))
	default:
		rec.Class = ClassOK
	}
}

// cutShort says why an answer that the server ended for its length is shorter
// than was asked for.
func (r *Request) cutShort() string {
	at := ""
	if r.PromptTokens > 0 {
		at = fmt.Sprintf(" at %d tokens (%d of them prompt)", r.PromptTokens+r.OutputTokens, r.PromptTokens)
	}
	return fmt.Sprintf("%d of %d output tokens, then finish_reason length: the context was full%s, or the server limits answers; "+
		"use shorter prompts or answers, or a larger context", r.OutputTokens, r.OutputAsked, at)
}
