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
	Done bool // the [DONE] mark

	Choice bool // at least one choice is in it
	Token  bool // a choice carries text, reasoning text, a tool call or token IDs
	// Blank: no choice carries anything, but one holds an empty text. vLLM sends
	// such a chunk for a token without text of its own (a special token, a part
	// of a character), other servers at the end of an answer.
	Blank  bool
	Role   bool // a choice names the role
	NoIDs  bool // the server lists the token IDs of the chunk: there are none
	Finish bool // a finish_reason was given
	Full   bool // the finish_reason is length: the answer was cut there
	Abort  bool // the finish_reason says that the server gave the answer up

	HasUsage         bool
	PromptTokens     int // usage.prompt_tokens
	CompletionTokens int // usage.completion_tokens

	IsError bool
	Error   string // its message, or the whole error value
}

// Parse reads one payload of /v1/completions (choices[].text) or
// /v1/chat/completions (choices[].delta). Of a delta every member but the role
// counts, whatever its name, when it holds a text, a list or an object that is
// not empty. Key order, white space and unknown fields do not matter; of
// duplicate keys the last counts.
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
	var p payload
	for _, choice := range choices {
		p.one()
		if f := choice["finish_reason"]; f != nil && !isNull(f) {
			p.reason(bytes.TrimSpace(f))
		}
		p.content(bytes.TrimSpace(choice["text"]))
		var ids []json.RawMessage
		if json.Unmarshal(choice["token_ids"], &ids) == nil && ids != nil {
			p.tokenIDs(len(ids))
		}
		var delta map[string]json.RawMessage
		if json.Unmarshal(choice["delta"], &delta) != nil {
			continue
		}
		for k, v := range delta {
			switch v = bytes.TrimSpace(v); k {
			case "role":
				p.role = p.role || holds(v)
			case "content", "reasoning_content", "reasoning":
				p.content(v)
			default:
				p.filled = p.filled || holds(v)
			}
		}
	}
	p.into(&c)
	return c, raw, true
}

// gaveUp reports a finish_reason of an answer that did not end by itself: vLLM
// (v1/engine, FinishReason) and SGLang say abort, vLLM also error.
func gaveUp(reason []byte) bool { return string(reason) == `"abort"` || string(reason) == `"error"` }

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }

// payload gathers what the choices of a chunk hold.
type payload struct {
	choice, filled, blank, role, finish, full, abort bool
	ids                                              int
	listed                                           bool // ids is known
}

func (p *payload) one() { p.choice = true }

func (p *payload) reason(v []byte) {
	p.finish = true
	p.full = p.full || string(v) == `"length"`
	p.abort = p.abort || gaveUp(v)
}

// content takes a value that is text in a chunk with a token.
func (p *payload) content(v []byte) {
	p.filled = p.filled || holds(v)
	p.blank = p.blank || string(v) == `""`
}

func (p *payload) tokenIDs(n int) { p.listed, p.ids = true, p.ids+n }

func (p *payload) into(c *Chunk) {
	c.Choice, c.Role = p.choice, p.role
	c.Token = p.filled || p.ids > 0
	c.Blank = p.blank && !c.Token
	c.NoIDs = p.listed && p.ids == 0
	c.Finish, c.Full, c.Abort = p.finish, p.full, p.abort
}

// holds says whether a value is a string, a list or an object that is not empty.
func holds(v []byte) bool {
	if len(v) <= 2 {
		return false
	}
	switch v[0] {
	case '"':
		return true
	case '[', '{':
		return len(bytes.TrimSpace(v[1:len(v)-1])) > 0
	default:
		return false
	}
}

func count(raw []byte) int {
	var n int
	if json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}
