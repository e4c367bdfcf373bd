package sse

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]Chunk{
		`[DONE]`:   {Done: true},
		` [DONE] `: {Done: true},
		`{"id":"cmpl-1","object":"text_completion","choices":[{"index":0,"text":" a","logprobs":null,"finish_reason":null}],"usage":null}`: {Choice: true, Token: true},
		// Tokens without text of their own, as vLLM streams them.
		`{"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`: {Choice: true, Blank: true},
		`{"choices":[{"index":0,"text":"","finish_reason":null,"token_ids":[2]}]}`:                                                             {Choice: true, Token: true},
		`{"choices":[{"index":0,"text":"","finish_reason":null,"token_ids":[]}]}`:                                                              {Choice: true, Blank: true, NoIDs: true},
		`{"choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":null,"token_ids":null}]}`:                               {Choice: true, Blank: true},
		`{"choices":[{"text":null}]}`:                                                                                          {Choice: true},
		`{"choices":[{"text":"","finish_reason":"length"}]}`:                                                                   {Choice: true, Blank: true, Finish: true, Full: true},
		`{"choices":[{"text":"","finish_reason":"abort"}]}`:                                                                    {Choice: true, Blank: true, Finish: true, Abort: true},
		`{"choices":[{"delta":{}, "finish_reason" : "error" }]}`:                                                               {Choice: true, Finish: true, Abort: true},
		`{"choices":[{"text":"a","finish_reason":"stop"}]}`:                                                                    {Choice: true, Token: true, Finish: true},
		`{"choices":[{"finish_reason":null,"text":"\""}]}`:                                                                     {Choice: true, Token: true},
		`{"choices":[{"text":"\\"},{"text":""}]}`:                                                                              {Choice: true, Token: true},
		` { "choices" : [ { "text" : "\u00e9]}" } ] } `:                                                                        {Choice: true, Token: true},
		`{"ch\u006fices":[{"te\u0078t":"a"}]}`:                                                                                 {Choice: true, Token: true},
		`{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}`:                                       {Choice: true, Role: true, Blank: true},
		`{"choices":[{"delta":{"role":"assistant","content":null}}]}`:                                                          {Choice: true, Role: true},
		`{"choices":[{"delta":{"role":"assistant"}}]}`:                                                                         {Choice: true, Role: true},
		`{"choices":[{"delta":{"role":"assistant","content":"x"}}]}`:                                                           {Choice: true, Role: true, Token: true},
		`{"choices":[{"delta":{"role":null,"content":"x"}}]}`:                                                                  {Choice: true, Token: true},
		`{"choices":[{"delta":{"content":"x"}}]}`:                                                                              {Choice: true, Token: true},
		`{"choices":[{"delta":{"content":null,"reasoning_content":"x"}}]}`:                                                     {Choice: true, Token: true},
		`{"choices":[{"delta":{"reasoning":"x"}}]}`:                                                                            {Choice: true, Token: true},
		`{"choices":[{"delta":{"role":"assistant","content":"","reasoning_details":[{"type":"reasoning.text","text":"x"}]}}]}`: {Choice: true, Role: true, Token: true},
		`{"choices":[{"delta":{"content":"","refusal":null,"annotations":[ ],"index":3}}]}`:                                    {Choice: true, Blank: true},
		`{"choices":[{"delta":{"tool_calls":[]}}]}`:                                                                            {Choice: true},
		`{"choices":[{"delta":{"tool_calls":[ ]}}]}`:                                                                           {Choice: true},
		`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}`:                                    {Choice: true, Token: true},
		`{"choices":[{"delta":null}]}`:                                                                                         {Choice: true},
		`{"choices":[],"usage":{"prompt_tokens":100,"total_tokens":110,"completion_tokens":10}}`:                               {HasUsage: true, PromptTokens: 100, CompletionTokens: 10},
		`{"usage":{"completion_tokens":2,"prompt_tokens_details":{"x":[1,{}]},"prompt_tokens":1},"choices":[]}`:                {HasUsage: true, PromptTokens: 1, CompletionTokens: 2},
		`{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":3}}`:                                                  {HasUsage: true, CompletionTokens: 3},
		`{"metadata":{"text":"a","choices":[{"text":"b"}]},"choices":[{"logprobs":{"text":"a"},"text":""}]}`:                   {Choice: true, Blank: true},
		`{"error":{"message":"boom","type":"X","code":500}}`:                                                                   {IsError: true, Error: "boom"},
		`{"error":"boom"}`:                                 {IsError: true, Error: "boom"},
		`{"error":null,"choices":[{"text":"a"}]}`:          {Choice: true, Token: true},
		`{"object":"error","message":"old","code":400}`:    {IsError: true, Error: "old"},
		`{"choices":null}`:                                 {},
		`{}`:                                               {},
		`{"choices":[{"text":"a"}],"choices":[]}`:          {},
		`{"choices":"none","usage":{"prompt_tokens":1.5}}`: {HasUsage: true},
		"{\"choices\":[{\"text\":\"\xff\xfe\"}]}":          {Choice: true, Token: true},
	} {
		got, err := Parse([]byte(in))
		if err != nil || got != want {
			t.Errorf("%s:\n got %+v %v\nwant %+v", in, got, err, want)
		}
		for i := range in { // no prefix may pass for a whole
			if _, err := Parse([]byte(in[:i])); err == nil && i < len(in)-1 {
				if json.Valid([]byte(in[:i])) || in[:i] == " [DONE]" {
					continue
				}
				t.Errorf("prefix accepted: %s", in[:i])
			}
		}
	}
	for _, in := range []string{``, `a`, `[]`, `1`, `"x"`, `null`, `{"choices":}`, `{"choices":[{"text":"a"}`, `{"a":1}x`, `{,}`, `{"a" 1}`} {
		if c, err := Parse([]byte(in)); !errors.Is(err, ErrPayload) {
			t.Errorf("%q: %+v %v, want ErrPayload", in, c, err)
		}
	}
}

// The fast pass, where it follows a payload, must agree with encoding/json.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"choices":[{"text":" \"a\\","finish_reason":null}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"error":{"message":"x"},"choices":[{"delta":{"content":"","tool_calls":[1]}}]}`))
	f.Add([]byte(`{"choices":[{"token_ids":[1,[]],"delta":{"role":"","audio":{ },"role":"a"}},{"token_ids":null}]}`))
	f.Add([]byte(`{"object":"error","usage":null,"choices":[{"finish_reason":"length"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) { agree(t, in) })
}

type failer interface {
	Fatalf(format string, args ...any)
}

func agree(t failer, in []byte) {
	fast, rawFast, okFast := walk(in)
	slow, rawSlow, okSlow := decode(in)
	if okSlow != json.Valid(in) && okSlow {
		t.Fatalf("decode accepted what is not JSON: %q", in)
	}
	if !okFast || !okSlow {
		return // the slow way decides; of broken JSON the fast pass may accept some
	}
	if fast != slow || (rawFast == nil) != (rawSlow == nil) {
		t.Fatalf("%s:\nfast %+v %q\nslow %+v %q", in, fast, rawFast, slow, rawSlow)
	}
}

// Payloads of the right vocabulary in every order and shape.
func TestFastAgreesWithJSON(t *testing.T) {
	keys := []string{"choices", "text", "delta", "content", "reasoning", "tool_calls", "finish_reason", "role", "token_ids", "usage", "prompt_tokens", "completion_tokens", "error", "object", "x", `q"\`}
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		leaf := rapid.OneOf(
			rapid.Just[any](nil), rapid.Just[any](""), rapid.Just[any]("error"), rapid.Just[any]("abort"), rapid.Just[any]("length"), rapid.Just[any](true),
			rapid.Map(rapid.StringN(0, 4, -1), func(s string) any { return s }),
			rapid.Map(rapid.IntRange(-2, 1000), func(n int) any { return n }))
		if depth == 0 {
			return leaf
		}
		return rapid.OneOf(leaf,
			rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(v []any) any { return v }),
			rapid.Map(rapid.MapOfN(rapid.SampledFrom(keys), value(depth-1), 0, 4), func(m map[string]any) any { return m }))
	}
	followed := 0
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOfN(rapid.SampledFrom(keys), value(3), 0, 5).Draw(t, "payload")
		in, err := json.Marshal(object)
		if rapid.Bool().Draw(t, "indent") {
			in, err = json.MarshalIndent(object, " ", "\t")
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := walk(in); ok {
			followed++
		}
		agree(t, in)
	})
	if followed < 20 {
		t.Errorf("the fast pass followed only %d payloads: the test says nothing", followed)
	}
}
