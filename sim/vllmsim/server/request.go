package server

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// maxBody bounds the body of a request, bytes.
const maxBody = 64 << 20

// body holds the fields of both generation routes that matter here; sampling
// parameters are accepted and ignored.
type body struct {
	Model               string          `json:"model"`
	Prompt              json.RawMessage `json:"prompt"`
	Messages            []message       `json:"messages"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	MinTokens           int             `json:"min_tokens"`
	IgnoreEOS           bool            `json:"ignore_eos"`
	Stream              bool            `json:"stream"`
	StreamOptions       *struct {
		IncludeUsage    bool `json:"include_usage"`
		ContinuousUsage bool `json:"continuous_usage_stats"`
	} `json:"stream_options"`
	Temperature *float64 `json:"temperature"`
	Seed        *int64   `json:"seed"`
	N           *int     `json:"n"`
	Priority    int      `json:"priority"`
	Echo        bool     `json:"echo"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// content is a chat message's text: a string, or a list of text parts.
type content string

func (c content) String() string { return string(c) }

// UnmarshalJSON accepts both forms and null.
func (c *content) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(text, &s) == nil {
		*c = content(s)
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return errors.New("content should be a string or a list of parts")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return errors.New("content part of type " + p.Type + " is not supported by this model")
		}
		b.WriteString(p.Text)
	}
	*c = content(b.String())
	return nil
}

// readBody decodes a JSON body into v.
func readBody(w http.ResponseWriter, r *http.Request, v any) *apiError {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return badRequest("read the request: %v", err)
	}
	err = json.Unmarshal(text, v)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return badRequest("[{'type': '%[1]s_type', 'loc': ('body', '%[2]s'), 'msg': 'Input should be a valid %[1]s'}]", wanted(mismatch.Type), strings.ReplaceAll(mismatch.Field, ".", "', '"))
	}
	if err != nil {
		return badRequest("[{'type': 'json_invalid', 'loc': ('body',), 'msg': 'JSON decode error', 'ctx': {'error': %q}}]", err.Error())
	}
	return nil
}

// wanted names a field's type as the API does.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		return "list"
	case reflect.Struct:
		return "object"
	}
	return t.Kind().String()
}

// promptIDs reads a prompt: text, a list of token IDs, or a list of one of
// those.
func (s *Server) promptIDs(raw json.RawMessage) ([]int32, *apiError) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return s.tok.encode(nil, text), nil
	}
	var ids []int32
	if json.Unmarshal(raw, &ids) == nil {
		for _, id := range ids {
			if id < 0 || int(id) >= s.tok.vocab {
				return nil, badRequest("Token id %d is out of vocabulary", id)
			}
		}
		return ids, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return nil, badRequest("prompt should be a string, a list of token IDs, or a list of those")
	}
	if len(list) > 1 {
		return nil, badRequest("the simulated server takes one prompt per request, got %d", len(list))
	}
	return s.promptIDs(list[0])
}

// prepare turns a body and its prompt into a stream ready to submit.
func (s *Server) prepare(b *body, ids []int32) (*stream, *apiError) {
	if !slices.Contains(s.opts.Served, b.Model) && b.Model != "" {
		return nil, modelMissing(b.Model)
	}
	if b.N != nil && *b.N != 1 {
		return nil, badRequest("n must be 1 for the simulated server, got %d.", *b.N)
	}
	if len(ids) == 0 {
		return nil, badRequest("The decoder prompt cannot be empty")
	}
	limit := s.maxLen()
	most := limit - len(ids)
	if b.MaxCompletionTokens != nil {
		b.MaxTokens = b.MaxCompletionTokens
	}
	switch {
	case b.MaxTokens != nil:
		most = *b.MaxTokens
		if most < 1 {
			return nil, badRequest("max_tokens must be at least 1, got %d.", most)
		}
	case b.Messages == nil:
		most = 16 // default of the completions route
	}
	if most < 1 || len(ids)+most > limit {
		return nil, tooLong(limit, len(ids), max(most, 1))
	}
	if b.MinTokens > most {
		return nil, badRequest("min_tokens must be less than or equal to max_tokens=%d, got %d.", most, b.MinTokens)
	}
	return s.newStream(b, ids, most), nil
}

// newStream settles the output's content and length. Greedy sampling repeats
// itself for equal prompts; otherwise the request's seed, or chance, decides.
func (s *Server) newStream(b *body, ids []int32, most int) *stream {
	tokens := &engine.Tokens{Prompt: ids, Vocab: s.tok.vocab}
	tokens.Seed = tokens.Hash() ^ s.opts.Seed
	switch {
	case b.Temperature != nil && *b.Temperature == 0:
	case b.Seed != nil:
		tokens.Seed ^= uint64(*b.Seed) * 0x9e3779b97f4a7c15
	default:
		tokens.Seed ^= rand.Uint64()
	}
	output, natural := most, false
	if !b.IgnoreEOS {
		if n := max(b.MinTokens, naturalLength(tokens.Seed, s.opts.OutputMean)); n < most {
			output, natural = max(n, 1), true
		}
	}
	r := &engine.Request{ID: s.nextID.Add(1), Prompt: len(ids), Output: output, Priority: b.Priority, Content: tokens}
	st := &stream{request: r, tokens: tokens, natural: natural, maxTokens: most, notify: make(chan struct{}, 1)}
	r.Owner = st
	return st
}

// naturalLength draws the length at which a model would stop by itself:
// log-normal with sigma 0.8, which is about what chat logs show.
func naturalLength(seed uint64, mean float64) int {
	const sigma = 0.8
	rng := rand.New(rand.NewPCG(seed, 0xe05))
	return int(math.Ceil(mean * math.Exp(sigma*rng.NormFloat64()-sigma*sigma/2)))
}
