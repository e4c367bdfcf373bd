package server

import (
	"strings"
	"unicode/utf8"
)

// pieceLen is the longest run of characters that one token covers.
const pieceLen = 4

// tokenizer is a toy: a token is an optional space with up to four other
// characters, or a run of white space. English comes to about 1.4 tokens a
// word. ID n below 26^4 reads as a space and four letters, so that any list
// of IDs decodes to text that encodes to the same list; other pieces get a
// hashed ID, so that decoding keeps the count but not the text.
type tokenizer struct{ vocab int }

// encode appends the token IDs of text to ids.
func (t tokenizer) encode(ids []int32, text string) []int32 {
	for len(text) > 0 {
		n := piece(text)
		ids = append(ids, t.id(text[:n]))
		text = text[n:]
	}
	return ids
}

// piece is the length in bytes of the first token of text.
func piece(text string) int {
	n := 0
	for n < len(text) && isSpace(text[n]) {
		n++
	}
	if n == len(text) {
		return n
	}
	if n > 0 && text[n-1] == ' ' {
		n-- // the last space belongs to the word
	}
	if n > 0 {
		return n
	}
	if text[0] == ' ' {
		n = 1
	}
	for range pieceLen {
		if n == len(text) || isSpace(text[n]) {
			break
		}
		_, size := utf8.DecodeRuneInString(text[n:])
		n += size
	}
	return n
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// id is the inverse of word for words, a hash for other pieces.
func (t tokenizer) id(s string) int32 {
	if len(s) == pieceLen+1 && s[0] == ' ' {
		n, ok := 0, true
		for i := 1; i < len(s); i++ {
			n = n*26 + int(s[i]-'a')
			ok = ok && s[i] >= 'a' && s[i] <= 'z'
		}
		if ok && n < t.vocab {
			return int32(n)
		}
	}
	h := uint32(2166136261) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return int32(h % uint32(t.vocab))
}

// word appends the text of one token.
func (t tokenizer) word(b []byte, id int32) []byte {
	var letters [pieceLen]byte
	n := id
	for i := pieceLen - 1; i >= 0; i-- {
		letters[i] = byte('a' + n%26)
		n /= 26
	}
	return append(append(b, ' '), letters[:]...)
}

// special says whether an ID is that of a special token, which a stream shows
// without text (vLLM's skip_special_tokens): the uppermost 1/64 of the IDs. Real
// models have fewer, and emit them as often when they go on past their end.
func (t tokenizer) special(id int32) bool { return int(id) >= t.vocab-t.vocab/64 }

// decode is the text of a list of tokens.
func (t tokenizer) decode(ids []int32) string {
	b := make([]byte, 0, len(ids)*(pieceLen+1))
	for _, id := range ids {
		b = t.word(b, id)
	}
	return string(b)
}

// template renders chat messages as text, in the manner of ChatML.
func template(messages []message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<|im_start|>" + m.Role + "\n" + m.Content.String() + "<|im_end|>\n")
	}
	b.WriteString("<|im_start|>assistant\n")
	return b.String()
}
