package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

func (s *Server) completions(w http.ResponseWriter, r *http.Request) {
	var b body
	if err := readBody(w, r, &b); err != nil {
		err.write(w)
		return
	}
	b.Messages = nil
	if b.Echo {
		badRequest("echo is not supported by the simulated server").write(w)
		return
	}
	ids, err := s.promptIDs(b.Prompt)
	if err != nil {
		err.write(w)
		return
	}
	s.generate(w, r, &b, ids)
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var b body
	if err := readBody(w, r, &b); err != nil {
		err.write(w)
		return
	}
	if len(b.Messages) == 0 {
		badRequest("messages should be a list with at least one message").write(w)
		return
	}
	s.generate(w, r, &b, s.tok.encode(nil, template(b.Messages)))
}

// answer is one generation under way.
type answer struct {
	s       *Server
	body    *body
	stream  *stream
	dialect dialect
	w       http.ResponseWriter
	flush   *http.ResponseController
	buffer  []byte
	sent    int
	fault   fault
}

// generate submits a request and streams or collects its output.
func (s *Server) generate(w http.ResponseWriter, r *http.Request, b *body, ids []int32) {
	f := s.opts.Faults.next(s.count.Add(1))
	switch f {
	case unavailable:
		(&apiError{Status: 503, Type: "ServiceUnavailableError", Message: "Service Unavailable"}).write(w)
		return
	case silence:
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	case empty:
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.WriteHeader(200)
		return
	}
	st, refused := s.prepare(b, ids)
	if refused != nil {
		refused.write(w)
		return
	}
	d := s.pick()
	if err := d.submit(st, s.opts.Noise.RequestOverhead(s.submitted.Add(1)-1)); err != nil {
		engineError().write(w)
		return
	}
	a := &answer{s: s, body: b, stream: st, dialect: s.dialect(b, st), w: w, flush: http.NewResponseController(w), fault: f}
	err := a.run(r.Context())
	switch {
	case errors.Is(err, errEngineDead):
	case errors.Is(err, errCut), errors.Is(err, context.Canceled): // by a fault, the client, or shutdown
		d.abort(st)
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	case err != nil:
		d.abort(st)
	}
}

// run answers until the output ends; an error means that the request must be
// taken out of the engine.
func (a *answer) run(ctx context.Context) error {
	if a.body.Stream {
		return a.streamed(ctx)
	}
	return a.collected(ctx)
}

func (a *answer) streamed(ctx context.Context) error {
	a.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	a.w.WriteHeader(200)
	if err := a.flush.Flush(); err != nil {
		return err
	}
	for {
		ready, done, failed := a.stream.state()
		if failed {
			return a.broken(engineError())
		}
		if a.fault != healthy && ready >= (a.stream.request.Output+1)/2 {
			if err := a.misbehave(ctx, ready); err != nil {
				return err
			}
			continue
		}
		if done {
			return a.finish(ctx, ready)
		}
		if ready > a.sent && (a.sent == 0 || ready-a.sent >= a.s.opts.StreamInterval) {
			if err := a.send(ready, ""); err != nil {
				return err
			}
		}
		select {
		case <-a.stream.notify:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send writes the tokens up to ready as one event and flushes it.
func (a *answer) send(ready int, finish string) error {
	a.buffer = a.buffer[:0]
	if a.sent == 0 && a.dialect.chat {
		a.buffer = a.dialect.role(a.buffer)
	}
	a.buffer = a.dialect.tokens(a.buffer, a.stream, a.s.tok, a.sent, ready, finish)
	a.sent = ready
	return a.write()
}

func (a *answer) write() error {
	if _, err := a.w.Write(a.buffer); err != nil {
		return err
	}
	return a.flush.Flush()
}

// finish sends the last tokens with the finish reason, usage and [DONE].
func (a *answer) finish(ctx context.Context, ready int) error {
	a.post(ctx)
	if err := a.send(ready, a.stream.reason()); err != nil {
		return err
	}
	a.buffer = a.buffer[:0]
	o := a.body.StreamOptions
	if o != nil && o.IncludeUsage || a.s.opts.ForceUsage {
		a.buffer = a.dialect.usage(a.buffer, a.usage())
	}
	a.buffer = append(a.buffer, "data: [DONE]\n\n"...)
	return a.write()
}

// post waits for the output processing of the last token.
func (a *answer) post(ctx context.Context) {
	a.s.clock.until(ctx, a.stream.request.LastToken+engine.PostOverhead())
}

func (a *answer) usage() usage {
	r := a.stream.request
	return usage{r.Prompt, r.Generated, r.Cached, a.s.opts.PromptDetails}
}

// broken reports an error inside a stream that began with status 200.
func (a *answer) broken(e *apiError) error {
	text, err := json.Marshal(e.body())
	if err != nil {
		return err
	}
	a.buffer = append(a.buffer[:0], "data: "...)
	a.buffer = append(a.buffer, text...)
	a.buffer = append(a.buffer, "\n\ndata: [DONE]\n\n"...)
	if err := a.write(); err != nil {
		return err
	}
	return errEngineDead
}

func (a *answer) collected(ctx context.Context) error {
	for {
		ready, done, failed := a.stream.state()
		switch {
		case failed:
			engineError().write(a.w)
			return errEngineDead
		case done:
			a.post(ctx)
			if a.fault == slowToken {
				if err := a.s.clock.sleep(ctx, slowSeconds); err != nil {
					return err
				}
			}
			ids := make([]int32, ready)
			for i := range ids {
				ids[i] = a.stream.tokens.Output(i)
			}
			writeJSON(a.w, 200, a.dialect.whole(a.s.tok.decode(ids), a.stream.reason(), a.usage()))
			return nil
		}
		select {
		case <-a.stream.notify:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
