package server

import (
	"encoding/json"
	"strconv"
	"time"
)

// dialect holds the pre-built pieces of one response's JSON, so that a token
// costs a few appends. Token texts are letters and spaces and need no
// escaping.
type dialect struct {
	chat    bool
	id      string
	created int64
	model   string
	opening string // of a token's event, up to its text
}

func (s *Server) dialect(b *body, st *stream) dialect {
	d := dialect{chat: b.Messages != nil, created: time.Now().Unix(), model: s.opts.Served[0]}
	if b.Model != "" {
		d.model = b.Model
	}
	d.id = "cmpl-"
	if d.chat {
		d.id = "chatcmpl-"
	}
	d.id += strconv.FormatUint(st.request.ID, 16)
	d.opening = d.envelope() + `"choices":[{"index":0,` + d.textKey()
	return d
}

// envelope is the beginning that all events share.
func (d dialect) envelope() string {
	object := "text_completion"
	if d.chat {
		object = "chat.completion.chunk"
	}
	model, err := json.Marshal(d.model)
	if err != nil { // a string always encodes
		model = []byte(`""`)
	}
	return `data: {"id":"` + d.id + `","object":"` + object + `","created":` + strconv.FormatInt(d.created, 10) + `,"model":` + string(model) + `,`
}

func (d dialect) textKey() string {
	if d.chat {
		return `"delta":{"content":"`
	}
	return `"text":"`
}

// role appends the chat stream's first event.
func (d dialect) role(b []byte) []byte {
	b = append(b, d.envelope()...)
	return append(b, `"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}`+"\n\n"...)
}

// tokens appends an event with the words from..to of the output. finish is
// empty, or the reason of the end.
func (d dialect) tokens(b []byte, st *stream, tok tokenizer, from, to int, finish string) []byte {
	b = append(b, d.opening...)
	for i := from; i < to; i++ {
		if id := st.tokens.Output(i); !tok.special(id) {
			b = tok.word(b, id)
		}
	}
	if d.chat {
		b = append(b, `"},"logprobs":null,"finish_reason":`...)
	} else {
		b = append(b, `","logprobs":null,"finish_reason":`...)
	}
	if finish == "" {
		b = append(b, `null`...)
	} else {
		b = append(append(append(b, '"'), finish...), '"')
	}
	return append(b, `,"stop_reason":null}]}`+"\n\n"...)
}

// usage appends the event that include_usage asks for.
func (d dialect) usage(b []byte, u usage) []byte {
	b = append(b, d.envelope()...)
	b = append(b, `"choices":[],"usage":`...)
	return append(u.append(b), "}\n\n"...)
}

// usage counts the tokens of a request.
type usage struct {
	prompt, output, cached int
	details                bool
}

func (u usage) append(b []byte) []byte {
	b = append(b, `{"prompt_tokens":`...)
	b = strconv.AppendInt(b, int64(u.prompt), 10)
	b = append(b, `,"total_tokens":`...)
	b = strconv.AppendInt(b, int64(u.prompt+u.output), 10)
	b = append(b, `,"completion_tokens":`...)
	b = strconv.AppendInt(b, int64(u.output), 10)
	if u.details {
		b = append(b, `,"prompt_tokens_details":{"cached_tokens":`...)
		b = strconv.AppendInt(b, int64(u.cached), 10)
		return append(b, "}}"...)
	}
	return append(b, `,"prompt_tokens_details":null}`...)
}

// whole is the body of a response that is not streamed.
func (d dialect) whole(text, finish string, u usage) map[string]any {
	choice := map[string]any{"index": 0, "logprobs": nil, "finish_reason": finish, "stop_reason": nil}
	object := "text_completion"
	if d.chat {
		object = "chat.completion"
		choice["message"] = map[string]any{"role": "assistant", "content": text}
	} else {
		choice["text"] = text
	}
	return map[string]any{
		"id": d.id, "object": object, "created": d.created, "model": d.model,
		"choices": []any{choice}, "usage": json.RawMessage(u.append(nil)),
	}
}
