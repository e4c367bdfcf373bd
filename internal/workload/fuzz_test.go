package workload

import (
	"bytes"
	"io"
	"testing"
)

// Whatever a file holds, a reader returns an error or rows that can be played.
func FuzzReaders(f *testing.F) {
	f.Add([]byte(azure))
	f.Add([]byte(mooncake))
	f.Add([]byte("TIMESTAMP,ContextTokens,GeneratedTokens\n9999-12-31 00:00:00,1,1\n0001-01-01 00:00:00,1,1\n"))
	f.Add([]byte(`[{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}]`))
	f.Add([]byte("{\"prompt\":\"a\",\"output_tokens\":5}\n"))
	f.Add([]byte("prompt,output_tokens\n\"a\nb\",7\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, read := range []func(io.Reader) ([]Arrival, error){ReadAzureTrace, ReadMooncakeTrace} {
			rows, err := read(bytes.NewReader(in))
			if (err == nil) == (len(rows) == 0) {
				t.Fatalf("%d rows, error %v", len(rows), err)
			}
			for i, r := range rows {
				if r.At < 0 || i > 0 && r.At < rows[i-1].At || r.Prompt < 0 || r.Output < 0 || r.Prompt > maxTokens || r.Output > maxTokens {
					t.Fatalf("row %d: %+v", i, r)
				}
			}
		}
		for _, read := range []func(io.Reader) ([]Sample, error){ReadShareGPT, ReadJSONL, ReadCSV} {
			samples, err := read(bytes.NewReader(in))
			if (err == nil) == (len(samples) == 0) {
				t.Fatalf("%d samples, error %v", len(samples), err)
			}
			for i, s := range samples {
				if s.Prompt == "" || s.Output < 0 || s.Output > maxTokens {
					t.Fatalf("sample %d: %+v", i, s)
				}
			}
		}
	})
}
