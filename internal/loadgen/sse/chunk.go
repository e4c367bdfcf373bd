package sse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrPayload is reported for a payload that is neither [DONE] nor a JSON object.
var ErrPayload = errors.New("payload is not a JSON object")

// Chunk is what the load generator needs to know of one event.
type Chunk struct {
	Done   bool // the [DONE] mark
	Token  bool // at least one choice carries text, reasoning text or a tool call
	Finish bool // a finish_reason was given
	Abort  bool // the finish_reason says that the server gave the answer up

	HasUsage         bool
	PromptTokens     int // usage.prompt_tokens
	CompletionTokens int // usage.completion_tokens

	IsError bool
	Error   string // its message, or the whole error value
}

// Parse reads one payload of /v1/completions (choices[].text) or
// /v1/chat/completions (choices[].delta). A chunk with a role alone, or with
// empty text, carries no token. Key order, white space and unknown fields do
// not matter; of duplicate keys the last counts.
//
// The common chunk is read by one pass over its bytes without allocation.
// Whatever that pass cannot follow (escaped keys, unexpected types, broken
// JSON) is decided by encoding/json.
func Parse(data []byte) (Chunk, error) {
	if string(bytes.TrimSpace(data)) == "[DONE]" {
		return Chunk{Done: true}, nil
	}
	c, raw, ok := walk(data)
	if !ok {
		if c, raw, ok = decode(data); !ok {
			return Chunk{}, fmt.Errorf("%w: %.80q", ErrPayload, data)
		}
	}
	if raw != nil {
		c.IsError, c.Error = true, message(raw)
	}
	return c, nil
}

// message picks the text out of an error value, which is an object with a
// message, or a string.
func message(raw []byte) string {
	var o struct{ Message string }
	if json.Unmarshal(raw, &o) == nil && o.Message != "" {
		return o.Message
	}
	var s string
	if json.Unmarshal(raw, &s) == nil && s != "" {
		return s
	}
	return string(raw)
}

// decode is the slow and general way: the same reading with encoding/json.
// raw is the error value, nil when there is none.
func decode(data []byte) (c Chunk, raw []byte, ok bool) {
	var top map[string]json.RawMessage
	if json.Unmarshal(data, &top) != nil || top == nil {
		return Chunk{}, nil, false
	}
	if e, has := top["error"]; has && !isNull(e) {
		raw = e
	} else if string(top["object"]) == `"error"` {
		raw = data
	}
	var usage map[string]json.RawMessage
	if json.Unmarshal(top["usage"], &usage) == nil && usage != nil {
		c.HasUsage = true
		c.PromptTokens = count(usage["prompt_tokens"])
		c.CompletionTokens = count(usage["completion_tokens"])
	}
	var choices []map[string]json.RawMessage
	if json.Unmarshal(top["choices"], &choices) != nil {
		return c, raw, true
	}
	for _, choice := range choices {
		if f := choice["finish_reason"]; f != nil && !isNull(f) {
			c.Finish = true
			c.Abort = c.Abort || gaveUp(bytes.TrimSpace(f))
		}
		if hasText(choice["text"]) {
			c.Token = true
		}
		var delta map[string]json.RawMessage
		if json.Unmarshal(choice["delta"], &delta) != nil {
			continue
		}
		for _, k := range [...]string{"content", "reasoning_content", "reasoning"} {
			if hasText(delta[k]) {
				c.Token = true
			}
		}
		var calls []json.RawMessage
		if json.Unmarshal(delta["tool_calls"], &calls) == nil && len(calls) > 0 {
			c.Token = true
		}
	}
	return c, raw, true
}

// gaveUp reports a finish_reason of an answer that did not end by itself: vLLM
// (v1/engine, FinishReason) and SGLang say abort, vLLM also error.
func gaveUp(reason []byte) bool { return string(reason) == `"abort"` || string(reason) == `"error"` }

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }

func hasText(raw []byte) bool { return len(raw) > 2 && raw[0] == '"' }

func count(raw []byte) int {
	var n int
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}
