// Package mock is an OpenAI-style server with exactly known timing and scripted
// faults, for tests of clients. It simulates no engine; that is vllmsim's work.
package mock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options set the timing of the answers. Deadlines are absolute, counted from
// the arrival of the request (or from its slot, with Capacity), so that a late
// chunk does not delay those after it.
type Options struct {
	TTFT           time.Duration // arrival to first chunk
	ITL            time.Duration // between chunks
	TokensPerChunk int           // 0: 1
	// TextEvery leaves the text of all but every n-th chunk empty, as vLLM does
	// for special tokens; 0: every chunk has its text.
	TextEvery    int
	Capacity     int  // requests served at a time, others wait in order; 0: no limit
	ChatOverhead int  // tokens that the chat template adds to the words of a message
	NoTokenize   bool // POST /tokenize answers 404
	// LlamaTokenize answers POST /tokenize as llama-server does: with the tokens
	// of a content, and none where there is no content. POST /apply-template
	// renders messages.
	LlamaTokenize bool
	// CharsPerToken makes the chat tokenizer count characters instead of words,
	// this many a token; 0: words.
	CharsPerToken int
	// TwoTokenWords cost two tokens each in chat prompts.
	TwoTokenWords []string
	// Vocabulary is the number of token IDs that prompts may hold; a larger ID is
	// refused as vLLM does, by an error inside the stream. 0: no limit.
	Vocabulary int
	// TextOnly refuses prompts of token IDs; NoCompletions and NoChat answer 404.
	TextOnly, NoCompletions, NoChat bool
	Models                          string // the answer to GET /v1/models; "": 404
	// StallAt and StallFor freeze the whole server once: from StallAt after the
	// first request on, nothing is sent for StallFor, and a request that arrives
	// meanwhile is taken up at the end.
	StallAt, StallFor time.Duration
	// Fault scripts the n-th request, from 0. May be nil.
	Fault func(n int) Fault
}

// FaultKind names a way in which an answer goes wrong.
type FaultKind int

// The faults. After is the number of chunks sent before.
const (
	None       FaultKind = iota
	Status               // answers with Fault.Code and Fault.Body
	Reset                // closes the connection without an answer
	Hang                 // sends nothing more until the client leaves
	ErrorEvent           // sends an error event, then [DONE]
	Cut                  // breaks the connection in the middle of a chunk
	NoDone               // ends the response regularly, without finish reason and [DONE]
	Empty                // 200 with an empty body
	Early                // stops properly, but after After chunks
	NotSSE               // answers 200 with a JSON document
	BadJSON              // sends an event that is not JSON
	NoUsage              // sends no token counts
	Stall                // pauses for Fault.For before a chunk; those after it keep their distances
)

// Fault is one scripted fault.
type Fault struct {
	Kind  FaultKind
	After int
	Code  int
	Body  string
	For   time.Duration
}

// Seen is a request as the server saw it.
type Seen struct {
	Path      string
	Header    http.Header
	Prompt    []int  // token IDs of a completions prompt
	Text      string // text of the prompt, all messages in a row
	MaxTokens int
	Body      map[string]any
	Arrived   time.Time
}

// Server is a running mock.
type Server struct {
	URL string

	options Options
	http    http.Server
	done    chan struct{}
	slots   chan struct{}

	mu             sync.Mutex
	seen           []Seen
	first          time.Time // arrival of the first request
	inFlight, peak int
}

// Start listens on a free port of 127.0.0.1.
func Start(o Options) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start mock server: %w", err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), options: o, done: make(chan struct{})}
	if o.Capacity > 0 {
		s.slots = make(chan struct{}, o.Capacity)
	}
	mux := http.NewServeMux()
	if !o.NoCompletions {
		mux.HandleFunc("POST /v1/completions", s.completions)
	}
	if !o.NoChat {
		mux.HandleFunc("POST /v1/chat/completions", s.chat)
	}
	if o.Models != "" {
		mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, o.Models) })
	}
	mux.HandleFunc("POST /tokenize", s.tokenize)
	if o.LlamaTokenize {
		mux.HandleFunc("POST /apply-template", s.template)
	}
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	s.http.Handler = mux
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the listener is ours; nothing else can end it
		}
	}()
	return s, nil
}

// Close stops the server and waits for its goroutines.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.http.Shutdown(ctx) // waits for handlers; a hanging one is cut off below
	s.http.Close()
	<-s.done
}

// Seen lists the requests so far in order of arrival.
func (s *Server) Seen() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Seen(nil), s.seen...)
}

// Peak is the greatest number of requests that were in the server at a time.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// request is the part of a request body that the mock reads.
type request struct {
	Prompt    prompt `json:"prompt"`
	Messages  []message
	Content   string // of llama-server
	MaxTokens int    `json:"max_tokens"`
}

// prompt is token IDs or text.
type prompt struct {
	ids  []int
	text string
}

func (p *prompt) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &p.text)
	}
	return json.Unmarshal(data, &p.ids)
}

type message struct{ Content string }

func (s *Server) completions(w http.ResponseWriter, r *http.Request) { s.answer(w, r, false) }

func (s *Server) chat(w http.ResponseWriter, r *http.Request) { s.answer(w, r, true) }

func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	var req request
	if s.options.NoTokenize {
		http.NotFound(w, r)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.options.LlamaTokenize {
		json.NewEncoder(w).Encode(map[string]any{"tokens": make([]int, s.count(req.Content))})
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"count": s.tokens(req)})
}

// template renders messages as many words longer as the template costs tokens.
func (s *Server) template(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text := ""
	for _, m := range req.Messages {
		text += strings.Repeat("x ", s.options.ChatOverhead) + m.Content
	}
	json.NewEncoder(w).Encode(map[string]string{"prompt": text})
}

// tokens counts a prompt: its IDs, or its words and the template.
func (s *Server) tokens(req request) int {
	n := len(req.Prompt.ids) + s.count(req.Prompt.text)
	for _, m := range req.Messages {
		n += s.options.ChatOverhead
		n += s.count(m.Content)
	}
	return n
}

// count is the number of tokens of a text.
func (s *Server) count(text string) int {
	if c := s.options.CharsPerToken; c > 0 {
		return (len(text) + c - 1) / c
	}
	n := 0
	for _, word := range strings.Fields(text) {
		n++
		if slices.Contains(s.options.TwoTokenWords, word) {
			n++
		}
	}
	return n
}

// enter books an arrival and returns its number.
func (s *Server) enter(seen Seen) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		s.first = seen.Arrived
	}
	s.seen = append(s.seen, seen)
	s.inFlight++
	s.peak = max(s.peak, s.inFlight)
	return len(s.seen) - 1
}

// thaw is when something due at the given time is sent: at once, or at the end
// of the stall.
func (s *Server) thaw(due time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.first.Add(s.options.StallAt)
	to := from.Add(s.options.StallFor)
	if due.Before(from) || !due.Before(to) {
		return due
	}
	return to
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}
