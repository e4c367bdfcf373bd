package mock

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// answer serves one request.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, chat bool) {
	arrived := time.Now()
	raw, err := io.ReadAll(r.Body)
	var req request
	var body map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &req)
	}
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	seen := Seen{
		Path: r.URL.Path, Header: r.Header, Prompt: req.Prompt.ids, Text: req.Prompt.text,
		MaxTokens: req.MaxTokens, Body: body, Arrived: arrived,
	}
	for _, m := range req.Messages {
		seen.Text += m.Content
	}
	n := s.enter(seen)
	defer s.leave()
	var fault Fault
	if s.options.Fault != nil {
		fault = s.options.Fault(n)
	}
	if s.slots != nil {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			arrived = time.Now()
		case <-r.Context().Done():
			return
		}
	}
	if refuse(w, r, fault) || s.refuseIDs(w, req.Prompt.ids) {
		return
	}
	st := &stream{w: w, ctx: r.Context(), server: s, options: &s.options, chat: chat, id: n, start: s.thaw(arrived)}
	st.send(req.MaxTokens, s.tokens(req), fault)
}

// refuse plays the faults that come before any chunk.
func refuse(w http.ResponseWriter, r *http.Request, f Fault) bool {
	switch f.Kind {
	case Status:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.Code)
		io.WriteString(w, f.Body)
	case Reset:
		panic(http.ErrAbortHandler)
	case Empty:
		w.Header().Set("Content-Type", "text/event-stream")
	case NotSSE:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"choices":[{"text":"whole answer"}]}`)
	default:
		return false
	}
	return true
}

// refuseIDs refuses the token IDs that the server does not take.
func (s *Server) refuseIDs(w http.ResponseWriter, ids []int) bool {
	switch {
	case len(ids) == 0:
		return false
	case s.options.TextOnly:
		http.Error(w, `{"error":{"message":"prompt must be a string"}}`, http.StatusBadRequest)
		return true
	case s.options.Vocabulary > 0 && slices.Max(ids) >= s.options.Vocabulary:
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, `data: {"error": {"message": "Token id %d is out of vocabulary", "type": "BadRequestError", "param": null, "code": 400}}`+"\n\ndata: [DONE]\n\n", slices.Max(ids))
		return true
	default:
		return false
	}
}

// stream is one answer under way.
type stream struct {
	w       http.ResponseWriter
	ctx     context.Context
	server  *Server
	options *Options
	chat    bool
	id      int
	start   time.Time
}

// send streams tokens output tokens, or goes wrong as scripted.
func (st *stream) send(tokens, prompt int, f Fault) {
	st.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if st.chat {
		st.event(`"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]`)
	}
	each := max(1, st.options.TokensPerChunk)
	sent, chunks := 0, 0
	for sent < tokens {
		if !st.wait(chunks) {
			return
		}
		if f.Kind != None && chunks == f.After && st.play(f) {
			if f.Kind == Early {
				break
			}
			return
		}
		n := min(each, tokens-sent)
		sent += n
		chunks++
		finish := "null"
		if sent == tokens && f.Kind != NoDone {
			finish = `"length"`
		}
		words := n
		if every := st.options.TextEvery; every > 0 && chunks%every != 0 { // counted from 1
			words = 0
		}
		st.token(words, finish)
	}
	if f.Kind != NoUsage {
		st.event(fmt.Sprintf(`"choices":[],"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}`, prompt, prompt+sent, sent))
	}
	io.WriteString(st.w, "data: [DONE]\n\n")
}

// play makes the stream go wrong and reports whether it ends here.
func (st *stream) play(f Fault) bool {
	switch f.Kind {
	case Hang:
		<-st.ctx.Done()
	case ErrorEvent:
		io.WriteString(st.w, `data: {"error":{"message":"EngineCore encountered an issue.","type":"InternalServerError","code":500}}`+"\n\ndata: [DONE]\n\n")
	case Cut:
		io.WriteString(st.w, `data: {"id":"cmpl-`)
		st.flush()
		panic(http.ErrAbortHandler)
	case BadJSON:
		io.WriteString(st.w, "data: {\"choices\":[\n\ndata: [DONE]\n\n")
	case Stall:
		st.start = st.start.Add(f.For)
		return !st.wait(f.After)
	case NoDone, Early:
	default:
		return false
	}
	return true
}

// wait lasts until chunk number k is due and reports false when the client left.
func (st *stream) wait(k int) bool {
	due := st.start.Add(st.options.TTFT + time.Duration(k)*st.options.ITL)
	d := time.Until(st.server.thaw(due))
	if d <= 0 {
		return st.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-st.ctx.Done():
		return false
	}
}

// token sends one chunk with the text of n tokens.
func (st *stream) token(n int, finish string) {
	text := make([]byte, 0, 8*n)
	for range n {
		text = append(text, ` \"tok\"`...)
	}
	if st.chat {
		st.event(fmt.Sprintf(`"choices":[{"index":0,"delta":{"content":"%s"},"logprobs":null,"finish_reason":%s}]`, text, finish))
	} else {
		st.event(fmt.Sprintf(`"choices":[{"index":0,"text":"%s","logprobs":null,"finish_reason":%s,"stop_reason":null}],"usage":null`, text, finish))
	}
}

// event sends one event with the fields that every chunk of vLLM has.
func (st *stream) event(fields string) {
	fmt.Fprintf(st.w, `data: {"id":"cmpl-%032d","object":"text_completion","created":1700000000,"model":"mock",%s}`+"\n\n", st.id, fields)
	st.flush()
}

func (st *stream) flush() {
	if f, ok := st.w.(http.Flusher); ok {
		f.Flush()
	}
}
