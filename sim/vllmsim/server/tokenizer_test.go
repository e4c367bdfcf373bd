package server

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTokenizerLaws: token IDs survive text; text keeps its count through
// IDs; tokens of a text do not hang on how it is cut at a space.
func TestTokenizerLaws(t *testing.T) {
	tok := tokenizer{vocab: 128256}
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.Int32Range(0, int32(tok.vocab-1))).Draw(t, "ids")
		if got := tok.encode([]int32{}, tok.decode(ids)); !slices.Equal(got, ids) {
			t.Fatalf("%v came back as %v", ids, got)
		}
		text := rapid.String().Draw(t, "text")
		tokens := tok.encode(nil, text)
		if again := tok.encode(nil, tok.decode(tokens)); len(again) != len(tokens) {
			t.Fatalf("%q: %d tokens, %d after a round trip", text, len(tokens), len(again))
		}
		for _, id := range tokens {
			if id < 0 || int(id) >= tok.vocab {
				t.Fatalf("%q: token %d outside the vocabulary", text, id)
			}
		}
		whole := tok.encode(nil, "x"+text+" abcd")
		parts := tok.encode(tok.encode(nil, "x"+text), " abcd")
		if text != "" && !isSpace(text[len(text)-1]) && !slices.Equal(whole, parts) {
			t.Fatalf("%q: %v whole, %v in parts", text, whole, parts)
		}
	})
}

func TestTokenCounts(t *testing.T) {
	tok := tokenizer{vocab: 128256}
	for text, want := range map[string]int{
		"": 0, "a": 1, " a": 1, "word": 1, "words": 2, "the cat sat": 3, "language model": 4, "a\n\nb": 3, "a\n b": 3,
		"  a": 2, "\n": 1, "äöüß": 1, "日本語です": 2, "a b ": 3,
	} {
		if got := len(tok.encode(nil, text)); got != want {
			t.Errorf("%q has %d tokens, want %d", text, got, want)
		}
	}
}

func TestParseFaults(t *testing.T) {
	f, err := ParseFaults("die-after=3, ignore-term,truncate,slow-start=2s")
	if err != nil {
		t.Fatal(err)
	}
	if f.DieAfter != 3 || !f.IgnoreTerm || f.Truncate != 1 || f.SlowStart.Seconds() != 2 || f.HangAtStart {
		t.Errorf("read as %+v", f)
	}
	for _, bad := range []string{"melt", "die-after=x", "die-after=0", "ignore-term=1", "slow-start=soon"} {
		if _, err := ParseFaults(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
