package sse

import (
	"bytes"
	"testing"
)

const event = `data: {"id":"cmpl-8f1c2a3b4d5e6f708192a3b4c5d6e7f8","object":"text_completion","created":1760000000,"model":"Qwen/Qwen2.5-3B-Instruct","choices":[{"index":0,"text":" \"token\"","logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null}` + "\n\n"

// BenchmarkScan is the cost of one event that came whole.
func BenchmarkScan(b *testing.B) {
	in := []byte(event)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var s Splitter
	for b.Loop() {
		s.Feed(in)
		for s.Next() {
			if c, err := Parse(s.Data()); err != nil || !c.Token {
				b.Fatal(c, err)
			}
		}
	}
}

// BenchmarkScanCut is the cost of one event when reads end inside events.
func BenchmarkScanCut(b *testing.B) {
	in := bytes.Repeat([]byte(event), 10)
	cut := len(event)*7/2 + 5
	b.ReportAllocs()
	var s Splitter
	n := 0
	for b.Loop() {
		for _, p := range [][]byte{in[:cut], in[cut:]} {
			s.Feed(p)
			for s.Next() {
				if c, err := Parse(s.Data()); err != nil || !c.Token {
					b.Fatal(c, err)
				}
				n++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}

func BenchmarkDecode(b *testing.B) {
	in := []byte(event[len("data: "):])
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := decode(in); !ok {
			b.Fatal("not decoded")
		}
	}
}
