package loadgen

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// play feeds the events of a stream, one each 10 ms from 100 ms on, to a
// response and judges it. An event "+" shares the time of the one before but
// for 20 µs.
func play(asked int, exact bool, events ...string) *Request {
	c := &client{start: time.Now()}
	rec := &Request{Sent: 0, First: -1, Last: -1, End: -1, OutputAsked: asked}
	s := response{client: c, rec: rec}
	s.head(http.StatusOK, "200 OK", http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}})
	at := 90 * time.Millisecond
	for _, e := range events {
		if rest, soon := strings.CutPrefix(e, "+"); soon {
			at, e = at+20*time.Microsecond, rest
		} else {
			at = at.Truncate(10*time.Millisecond) + 10*time.Millisecond
		}
		if err := s.feed([]byte("data: "+e+"\n\n"), at, 0); err != nil {
			panic(err)
		}
	}
	s.judge(nil, ClassTruncated, exact)
	return rec
}

// Chunks as the real servers write them, without the members that do not matter.
const (
	vllmText   = `{"object":"text_completion","choices":[{"index":0,"text":" relative","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`
	vllmEmpty  = `{"object":"text_completion","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`
	vllmEnd    = `{"object":"text_completion","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`
	vllmLast   = `{"object":"text_completion","choices":[{"index":0,"text":" cur","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`
	vllmRole   = `{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}`
	vllmDelta  = `{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" double","reasoning_content":null},"logprobs":null,"finish_reason":null,"token_ids":null}]}`
	vllmBlank  = `{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":null,"token_ids":null}]}`
	vllmFinish = `{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}]}`
	llamaText  = `{"choices":[{"text":"sii","index":0,"logprobs":null,"finish_reason":null}],"object":"text_completion"}`
	llamaEnd   = `{"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],"object":"text_completion","usage":{"completion_tokens":%d,"prompt_tokens":3},"timings":{"predicted_n":3}}`
	llamaRole  = `{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"object":"chat.completion.chunk"}`
	llamaDelta = `{"choices":[{"finish_reason":null,"index":0,"delta":{"content":" uh"}}],"object":"chat.completion.chunk"}`
	bareFinish = `{"choices":[{"finish_reason":"length","index":0,"delta":{}}],"object":"chat.completion.chunk"}`
	done       = "[DONE]"
)

func counted(n int) string {
	return fmt.Sprintf(`{"choices":[],"usage":{"prompt_tokens":5,"total_tokens":%d,"completion_tokens":%d}}`, 5+n, n)
}

// with adds a member to a chunk.
func with(chunk, member string) string { return strings.TrimSuffix(chunk, "}") + "," + member + "}" }

func running(chunk string, n int) string {
	return with(chunk, fmt.Sprintf(`"usage":{"prompt_tokens":5,"completion_tokens":%d}`, n))
}

func withIDs(chunk, ids string) string {
	return strings.Replace(chunk, `"token_ids":null}`, `"token_ids":`+ids+`}`, 1)
}

func times(n int, e string) []string { return slices.Repeat([]string{e}, n) }

// A token without text is a token, with its own time; what only ends the
// answer is none.
func TestTokensWithoutText(t *testing.T) {
	for name, c := range map[string]struct {
		asked       int
		events      []string
		chunks      int
		first, last float64 // ms
		gaps        []uint32
		tokens      int
		tpot        float64 // ms; 0: none
		notOK       Class
	}{
		"vLLM completions, the last five without text": {asked: 8,
			events: []string{vllmText, vllmText, vllmText, vllmEmpty, vllmEmpty, vllmEmpty, vllmEmpty, vllmEnd, "+" + counted(8), "+" + done},
			chunks: 8, first: 100, last: 170, tokens: 8, tpot: 10},
		"vLLM completions, first and last without text": {asked: 4,
			events: []string{vllmEmpty, vllmText, vllmText, vllmEnd, "+" + counted(4), done},
			chunks: 4, first: 100, last: 130, tokens: 4, tpot: 10},
		"vLLM completions, the last with text": {asked: 3,
			events: []string{vllmText, vllmText, vllmLast, "+" + counted(3), done},
			chunks: 3, first: 100, last: 120, tokens: 3, tpot: 10},
		"vLLM chat": {asked: 4,
			events: []string{vllmRole, "+" + vllmBlank, vllmDelta, vllmDelta, vllmFinish, "+" + counted(4), done},
			chunks: 4, first: 100.02, last: 130, tokens: 4, tpot: 29.98 / 3, gaps: []uint32{9980, 10000, 10000}},
		"all of it special": {asked: 3,
			events: []string{vllmEmpty, vllmEmpty, vllmEnd, "+" + counted(3), done},
			chunks: 3, first: 100, last: 120, tokens: 3, tpot: 10},
		"one token, special": {asked: 1,
			events: []string{vllmEnd, "+" + counted(1), done}, chunks: 1, first: 100, last: 100, tokens: 1},
		"chat, one token, special": {asked: 1,
			events: []string{vllmRole, vllmFinish, "+" + counted(1), done}, chunks: 1, first: 110, last: 110, tokens: 1},
		"llama-server completions": {asked: 3,
			events: []string{llamaText, llamaText, llamaText, "+" + fmt.Sprintf(llamaEnd, 3), done},
			chunks: 3, first: 100, last: 120, tokens: 3, tpot: 10},
		"llama-server chat": {asked: 3,
			events: []string{llamaRole, "+" + llamaDelta, llamaDelta, llamaDelta, "+" + bareFinish, counted(3), done},
			chunks: 3, first: 100.02, last: 120, tokens: 3, tpot: 9.99, gaps: []uint32{9980, 10000}},
		"a parser of tool calls kept the last token's text back": {asked: 4,
			events: []string{vllmRole, "+" + vllmDelta, vllmDelta, vllmDelta, bareFinish, "+" + counted(4), done},
			chunks: 4, first: 100.02, last: 130, tokens: 4, tpot: 29.98 / 3, gaps: []uint32{9980, 10000, 10000}},
		"the role in every chunk": {asked: 3,
			events: slices.Concat([]string{vllmRole}, times(3, strings.Replace(vllmDelta, `"content"`, `"role":"assistant","content"`, 1)), []string{"+" + bareFinish, counted(3), done}),
			chunks: 3, first: 110, last: 130, tokens: 3, tpot: 10},
		"usage runs along": {asked: 4,
			events: []string{running(vllmRole, 0), "+" + running(vllmBlank, 1), running(vllmDelta, 2), running(vllmBlank, 2), running(vllmBlank, 3), running(vllmFinish, 4), "+" + counted(4), done},
			chunks: 4, first: 100.02, last: 140, tokens: 4, tpot: 39.98 / 3, gaps: []uint32{9980, 20000, 10000}},
		"usage runs along, nothing at the end": {asked: 3,
			events: []string{running(vllmText, 1), running(vllmEmpty, 2), running(vllmEnd, 3), done},
			chunks: 3, first: 100, last: 120, tokens: 3, tpot: 10},
		"usage runs along, the end is none": {asked: 2,
			events: []string{running(llamaText, 1), running(llamaText, 2), fmt.Sprintf(llamaEnd, 2), done},
			chunks: 2, first: 100, last: 110, tokens: 2, tpot: 10},
		"token IDs": {asked: 3,
			events: []string{withIDs(vllmEmpty, "[]"), withIDs(vllmEmpty, "[2]"), withIDs(vllmText, "[7]"), withIDs(vllmEmpty, "[]"), withIDs(vllmEnd, "[2]"), done},
			chunks: 3, first: 110, last: 140, tokens: 3, tpot: 15, gaps: []uint32{10000, 20000}},
		"keep-alive chunks that the server does not count": {asked: 3,
			events: []string{`{"choices":[{"delta":{}}]}`, llamaDelta, `{"choices":[{"delta":{}}]}`, llamaDelta, llamaDelta, `{"choices":[{"delta":{}}]}`, bareFinish, counted(3), done},
			chunks: 3, first: 110, last: 140, tokens: 3, tpot: 15, gaps: []uint32{20000, 10000}},
		"several tokens per chunk": {asked: 20,
			events: []string{vllmText, vllmText, vllmText, vllmEnd, "+" + counted(20), done},
			chunks: 4, first: 100, last: 130, tokens: 20, tpot: 30.0 / 19},
		"a proxy that makes a stream of a whole answer": {asked: 20,
			events: []string{llamaText, "+" + vllmEnd, "+" + counted(20), done},
			chunks: 1, first: 100, last: 100, tokens: 20},
		"a proxy that makes a chat stream of two tokens": {asked: 2,
			events: []string{llamaRole, llamaDelta, "+" + bareFinish, "+" + counted(2), done},
			chunks: 1, first: 110, last: 110, tokens: 2},
		"without counts no token is invented": {asked: 4,
			events: []string{vllmText, vllmEmpty, vllmText, "+" + vllmEnd, done},
			chunks: 3, first: 100, last: 120, tokens: 3, tpot: 10},
		"no choice at all": {asked: 4, events: []string{counted(4), done}, tokens: 4, notOK: ClassEmpty},
		"a role alone":     {asked: 4, events: []string{vllmRole, bareFinish, done}, notOK: ClassEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			q := play(c.asked, true, c.events...)
			if c.notOK != "" {
				if q.Class != c.notOK || q.Chunks != 0 || q.First != -1 {
					t.Fatalf("%+v, want %s", q, c.notOK)
				}
				return
			}
			ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
			if q.Class != ClassOK || q.Chunks != c.chunks || q.OutputTokens != c.tokens || ms(q.First) != c.first || ms(q.Last) != c.last {
				t.Fatalf("%+v\nwant %d chunks, %d tokens, %v to %v ms", q, c.chunks, c.tokens, c.first, c.last)
			}
			if c.gaps == nil {
				c.gaps = slices.Repeat([]uint32{10000}, c.chunks-1)
			}
			if !slices.Equal(q.Gaps, c.gaps) {
				t.Errorf("gaps %v, want %v", q.Gaps, c.gaps)
			}
			if got, ok := q.TPOT(); ok != (c.tpot > 0) || ms(got)-c.tpot > 1e-5 || c.tpot-ms(got) > 1e-5 {
				t.Errorf("TPOT %v, want %v ms", got, c.tpot)
			}
		})
	}
}

// Chunks that the server turns out not to count leave a record whose times and
// gaps agree, wherever they stand.
func TestDropChunkKeepsTimes(t *testing.T) {
	for i := range 4 {
		q := Request{First: 1_000_900, Last: 31_000_100, Gaps: []uint32{10_000, 10_000, 10_000}, Chunks: 4}
		q.dropChunk(i)
		var sum time.Duration
		for _, g := range q.Gaps {
			sum += time.Duration(g) * time.Microsecond
		}
		if q.Chunks != 3 || len(q.Gaps) != 2 || q.Last.Truncate(time.Microsecond)-q.First.Truncate(time.Microsecond) != sum {
			t.Errorf("chunk %d: %+v", i, q)
		}
	}
	q := Request{First: 5, Last: 5, Chunks: 1}
	if q.dropChunk(0); q.Chunks != 0 || q.First != -1 || q.Last != -1 {
		t.Errorf("%+v", q)
	}
}

// Answers that the full context cut short are failures that say so, with and
// without ignore_eos; a model that ended its answer by itself is not.
func TestCutShort(t *testing.T) {
	short := slices.Concat(times(55, vllmText), []string{vllmLast, counted(56), done})
	stopped := slices.Concat(times(55, vllmText), []string{strings.Replace(vllmLast, "length", "stop", 1), counted(56), done})
	noCount := slices.Concat(times(55, vllmText), []string{vllmLast, done})
	for name, c := range map[string]struct {
		asked  int
		exact  bool
		events []string
		class  Class
		text   string
	}{
		"cut":                {200, true, short, ClassTokens, "56 of 200 output tokens, then finish_reason length: the context was full at 61 tokens (5 of them prompt)"},
		"cut, EOS respected": {200, false, short, ClassTokens, "56 of 200 output tokens"},
		"cut by one token":   {57, true, short, ClassTokens, "56 of 57 output tokens"},
		"whole":              {56, true, short, ClassOK, ""},
		"stopped":            {200, false, stopped, ClassOK, ""},
		"stopped, exact":     {200, true, stopped, ClassTokens, "56 output tokens, 200 asked for"},
		"not counted":        {200, true, noCount, ClassOK, ""}, // chunks may hold several tokens
	} {
		q := play(c.asked, c.exact, c.events...)
		if q.Class != c.class || !strings.Contains(q.Error, c.text) {
			t.Errorf("%s: %s %q, want %s %q", name, q.Class, q.Error, c.class, c.text)
		}
	}
}
