package sse

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// split feeds the pieces, overwriting each after its use as a read buffer
// would be, and returns the payloads.
func split(t testing.TB, s *Splitter, pieces ...[]byte) []string {
	t.Helper()
	var out []string
	for _, p := range pieces {
		buf := bytes.Clone(p)
		s.Feed(buf)
		for s.Next() {
			out = append(out, string(s.Data()))
		}
		for i := range buf {
			buf[i] = '#'
		}
	}
	return out
}

func TestSplitterCases(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"plain":             {"data: a\n\ndata: b\n\n", []string{"a", "b"}},
		"crlf":              {"data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}},
		"cr":                {"data: a\r\rdata: b\r\r", []string{"a", "b"}},
		"comment":           {": ping\n\ndata: a\n: x\n\n", []string{"a"}},
		"multi-line":        {"data: a\ndata: b\ndata:\ndata:c\n\n", []string{"a\nb\n\nc"}},
		"other fields":      {"event: e\nid: 1\nretry: 3\ndata: a\n\n", []string{"a"}},
		"only other fields": {"event: e\n\ndata: a\n\n", []string{"a"}},
		"no space":          {"data:a\n\n", []string{"a"}},
		"two spaces":        {"data:  a\n\n", []string{" a"}},
		"data alone":        {"data\n\n", []string{""}},
		"longer name":       {"datas: a\n\ndata: b\n\n", []string{"b"}},
		"byte order mark":   {"\xef\xbb\xbfdata: a\n\n", []string{"a"}},
		"unfinished":        {"data: a\n\ndata: b\n", []string{"a"}},
		"empty lines":       {"\n\n\ndata: a\n\n\n\n", []string{"a"}},
		"invalid UTF-8":     {"data: \xff\xfe\n\n", []string{"\xff\xfe"}},
	} {
		var whole Splitter
		if got := split(t, &whole, []byte(c.in)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for i := range c.in { // cut in two at every byte
			var cut Splitter
			if got := split(t, &cut, []byte(c.in[:i]), []byte(c.in[i:])); !slices.Equal(got, c.want) {
				t.Errorf("%s cut at %d: %q, want %q", name, i, got, c.want)
			}
		}
	}
}

func TestSplitterBound(t *testing.T) {
	for name, in := range map[string]string{
		"one line":   "data: " + strings.Repeat("x", 200),
		"whole line": "data: " + strings.Repeat("x", 200) + "\n\n",
		"many lines": strings.Repeat("data: xxxxxxxxxxxxxxxx\n", 20),
	} {
		s := Splitter{Max: 100}
		for i := range in { // byte by byte: nothing may pile up
			split(t, &s, []byte(in[i:i+1]))
			if len(s.line) > 101 || len(s.data) > 200 {
				t.Fatalf("%s: %d and %d bytes kept", name, len(s.line), len(s.data))
			}
		}
		if !errors.Is(s.Err(), ErrTooLong) {
			t.Errorf("%s: error %v, want ErrTooLong", name, s.Err())
		}
	}
}

// Whatever the payloads and however they are cut, what comes out is what went in.
func TestSplitterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ends := []string{"\n", "\r\n", "\r"}
		var in bytes.Buffer
		var want []string
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			end := rapid.SampledFrom(ends).Draw(t, "end")
			payload := rapid.SliceOf(rapid.SampledFrom([]string{"a", "{", "\"", ":", " ", "\xff", "é", "data: ", "\n"})).Draw(t, "payload")
			text := strings.Join(payload, "")
			for _, line := range strings.Split(text, "\n") {
				in.WriteString("data: " + line + end)
			}
			in.WriteString(end)
			want = append(want, text)
		}
		var pieces [][]byte
		for rest := in.Bytes(); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		var s Splitter
		if got := split(&testing.T{}, &s, pieces...); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// Cutting a stream must not change what it says.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("data: a\r\n\r\ndata: b\ndata: c\n\n: x\n\n"), 3)
	f.Add([]byte("\xef\xbb\xbfdata\r\rdata:\n\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		var whole, cut Splitter
		want := split(t, &whole, in)
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := min(max(size, 1), len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		if got := split(t, &cut, pieces...); !slices.Equal(got, want) {
			t.Fatalf("cut into %d: %q, whole: %q", size, got, want)
		}
	})
}
