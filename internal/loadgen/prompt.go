package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// job is a request ready to be sent.
type job struct {
	at             time.Duration // intended send; open loop
	phase          Phase
	index          int
	prompt, output int // tokens
	body           []byte
	keep           *answerText // of a turn that another follows
}

// bodies builds request bodies. Only the order of the dataset changes after
// newBodies.
type bodies struct {
	cfg     *Config
	content uint64
	head    []byte // {"fixed":fields,
	words   wordPlan

	mu     sync.Mutex
	passes [PhaseTail + 1]pass
}

// newBodies fixes the fields that all requests share.
func newBodies(c *Config, words wordPlan) (*bodies, error) {
	fields := map[string]any{"temperature": 0}
	if c.IgnoreEOS {
		fields["ignore_eos"] = true
	}
	maps.Copy(fields, c.Body)
	fields["model"] = c.Model
	fields["stream"] = true
	fields["stream_options"] = map[string]any{"include_usage": true}
	head, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode the request body: %w", err)
	}
	head[len(head)-1] = ','
	return &bodies{cfg: c, content: contentSeed(c.Seed, c.Salt), head: head, words: words}, nil
}

// build makes request i of a phase.
func (b *bodies) build(phase Phase, i int) *job {
	prompt, output := drawLengths(b.cfg, phase, i)
	j := &job{phase: phase, index: i, prompt: prompt, output: output}
	out := make([]byte, 0, len(b.head)+6*prompt+128)
	out = append(out, b.head...)
	switch {
	case len(b.cfg.Dataset) > 0:
		out = b.text(out, j)
	case b.cfg.API == Chat:
		out = b.messages(out, j)
	default:
		out = b.tokenIDs(out, j)
	}
	j.body = b.finish(out, j)
	return j
}

// finish appends the number of tokens asked for and closes the body.
func (b *bodies) finish(out []byte, j *job) []byte {
	j.output = b.cfg.boundOutput(j.output)
	out = append(out, `,"max_tokens":`...)
	out = strconv.AppendInt(out, int64(j.output), 10)
	least := min(b.cfg.MinOutput, j.output)
	if b.cfg.IgnoreEOS {
		least = j.output
	}
	if least > 0 {
		out = append(out, `,"min_tokens":`...)
		out = strconv.AppendInt(out, int64(least), 10)
	}
	return append(out, '}')
}

// tokenIDs appends a prompt of exactly j.prompt random token IDs.
func (b *bodies) tokenIDs(out []byte, j *job) []byte {
	low, high := b.cfg.tokens()
	out = append(out, `"prompt":[`...)
	for _, s := range b.spans(j) {
		for range s.tokens {
			out = strconv.AppendInt(out, int64(low+s.from.IntN(high-low)), 10)
			out = append(out, ',')
		}
	}
	out[len(out)-1] = ']' // every prompt has a token
	return out
}

// text appends a prompt of the dataset. Its tokens are not known.
func (b *bodies) text(out []byte, j *job) []byte {
	s := b.sample(j.phase, j.index)
	j.prompt = 0
	if s.Output > 0 {
		j.output = s.Output
	}
	quoted := quoteJSON(b.mark(j.phase, j.index) + s.Prompt)
	if b.cfg.API == Chat {
		out = append(out, `"messages":[{"role":"user","content":`...)
		return append(append(out, quoted...), "}]"...)
	}
	return append(append(out, `"prompt":`...), quoted...)
}

// mark is the salt before a prompt of the dataset; see Config.DatasetSalt.
func (b *bodies) mark(phase Phase, i int) string {
	if !b.cfg.DatasetSalt {
		return ""
	}
	return fmt.Sprintf("[%08x] ", uint32(stream(b.content, streamSample, phase, i/len(b.cfg.Dataset)).Uint64()))
}

// messages appends one user message of random words worth j.prompt tokens with
// the chat template.
func (b *bodies) messages(out []byte, j *job) []byte {
	out = append(out, `"messages":[`...)
	return append(b.userMessage(out, j), ']')
}

func (b *bodies) userMessage(out []byte, j *job) []byte {
	out = append(out, `{"role":"user","content":"`...)
	left := b.words.count(j.prompt)
	spans := b.spans(j)
	for i, s := range spans {
		n := left // the last span takes what is left after the template
		if i < len(spans)-1 {
			n = min(left, int(float64(s.tokens)/b.words.perWord+0.5))
		}
		left -= n
		for range n {
			out = append(out, b.words.list[s.from.IntN(len(b.words.list))]...)
			out = append(out, ' ')
		}
	}
	out = out[:len(out)-1]
	return append(out, `"}`...)
}

// ownMessage is a user message of random words worth n tokens with its template.
func (b *bodies) ownMessage(n int, r *rand.Rand) []byte {
	out := []byte(`{"role":"user","content":"`)
	for range b.words.count(n) {
		out = append(out, b.words.list[r.IntN(len(b.words.list))]...)
		out = append(out, ' ')
	}
	return append(out[:len(out)-1], `"}`...)
}

// quoteJSON is a string as JSON.
func quoteJSON(s string) []byte {
	quoted, _ := json.Marshal(s) // a string can always be encoded
	return quoted
}

// feed is a supply of jobs.
type feed struct {
	jobs   <-chan *job
	filled <-chan struct{} // closed when the first bodies lie ready
}

// wait lasts until the first bodies lie ready or ctx ends.
func (f feed) wait(ctx context.Context) {
	select {
	case <-f.filled:
	case <-ctx.Done():
	}
}

// feed sends the jobs of a plan, built ahead so that no send waits for its
// body, until the plan or ctx ends; then it closes the channel. next returns
// the i-th planned request. The goroutine is counted in wg.
func (b *bodies) feed(ctx context.Context, wg *sync.WaitGroup, ahead int, next func(i int) (due, bool)) feed {
	out := make(chan *job, ahead)
	filled := make(chan struct{})
	wg.Go(func() {
		defer close(out)
		for i := 0; ; i++ {
			d, ok := next(i)
			if i == ahead || (!ok && i < ahead) {
				close(filled)
			}
			if !ok {
				return
			}
			j := b.build(d.phase, d.index)
			j.at = d.at
			select {
			case out <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	return feed{out, filled}
}

// ahead is how many bodies are kept ready: as many as one moment may need, but
// no more than some 256 MB of them.
func (b *bodies) ahead(need int) int {
	p := b.cfg.Prompt
	size := 6*int(max(p.Mean, float64(p.Max))) + 256
	switch {
	case len(b.cfg.Dataset) > 0:
		for i := range b.cfg.Dataset {
			size = max(size, len(b.cfg.Dataset[i].Prompt)+256)
		}
	case b.cfg.Arrivals.Kind == Trace:
		for i := range b.cfg.Trace {
			size = max(size, 6*b.cfg.Trace[i].Prompt+256)
		}
	case p.Kind == Empirical:
		size = 6*slices.Max(p.Values) + 256
	}
	return max(1, min(max(need, 64), 256<<20/size))
}

// wordPlan says how words make up a chat prompt.
type wordPlan struct {
	list     []string
	overhead int     // tokens of the chat template around the text
	perWord  float64 // tokens of a word with the space before it
}

// count is the number of words for a prompt of n tokens, at least 1.
func (p wordPlan) count(n int) int {
	return max(1, int(float64(n-p.overhead)/p.perWord+0.5))
}

// wordList are short everyday English words: one token each, with the space
// before them, in nearly every tokenizer in use.
var wordList = strings.Fields(`
time year people way day man thing woman life child world school state family student group country problem
hand part place case week company system program question work number night point home water room mother area
money story fact month lot right study book eye job word business issue side kind head house service friend
father power hour game line end member law car city community name president team minute idea body information
back parent face others level office door health person art war history party result change morning reason
research girl guy moment air teacher force education foot boy age policy music market sense plan college
interest death experience effect use class control field development role effort rate heart drug show leader
light voice wife police mind price report decision son view relationship town road arm difference value
building action season society tax director position player record paper space ground form event official
matter center couple site project activity star table court need oil situation cost industry figure street
image phone data picture practice piece land product doctor wall patient worker news test movie north love
support technology step baby computer type attention film tree source hair look dog rule hope image park
`)
