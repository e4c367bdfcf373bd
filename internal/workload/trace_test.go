package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const azure = `TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:04.0789600,110,27
`

const mooncake = `{"timestamp": 0, "input_length": 1200, "output_length": 52, "hash_ids": [7, 8, 9]}
{"timestamp": 27, "input_length": 1100, "output_length": 2, "hash_ids": [7, 8]}

{"timestamp": 3000, "input_length": 600, "output_length": 5, "hash_ids": [7, 11]}
`

func TestReadAzureTrace(t *testing.T) {
	got, err := ReadAzureTrace(strings.NewReader(azure))
	want := []Arrival{{Prompt: 4808, Output: 10}, {At: 52 * time.Millisecond, Prompt: 3180, Output: 8}, {At: 99 * time.Millisecond, Prompt: 110, Output: 27}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v\nwant %v", got, err, want)
	}
	// The trace of 2024 has offsets; rows out of order are sorted.
	got, err = ReadAzureTrace(strings.NewReader("TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:01.5+00:00,1,2\n2024-05-10 00:00:00.009930+00:00,3,4\n"))
	if err != nil || len(got) != 2 || got[0].Prompt != 3 || got[1].At != 1490070*time.Microsecond {
		t.Errorf("%v %v", got, err)
	}
	for name, in := range map[string]string{
		"empty": "", "header alone": "TIMESTAMP,ContextTokens,GeneratedTokens\n", "no column": "TIMESTAMP,ContextTokens\n",
		"time":   "TIMESTAMP,ContextTokens,GeneratedTokens\nnow,1,2\n",
		"tokens": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,-1,2\n",
		"short":  "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1\n",
	} {
		if rows, err := ReadAzureTrace(strings.NewReader(in)); err == nil {
			t.Errorf("%s: %v accepted", name, rows)
		}
	}
}

func TestReadMooncakeTrace(t *testing.T) {
	got, err := ReadMooncakeTrace(strings.NewReader(mooncake))
	want := []Arrival{
		{Prompt: 1200, Output: 52, Blocks: []uint64{7, 8, 9}},
		{At: 27 * time.Millisecond, Prompt: 1100, Output: 2, Blocks: []uint64{7, 8}},
		{At: 3 * time.Second, Prompt: 600, Output: 5, Blocks: []uint64{7, 11}},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v\nwant %v", got, err, want)
	}
	for name, in := range map[string]string{
		"empty": "", "not JSON": "x", "no length": `{"timestamp":0,"input_length":1}`,
		"negative": `{"timestamp":0,"input_length":-1,"output_length":1}`, "huge": `{"timestamp":0,"input_length":99999999999,"output_length":1}`,
		"time": `{"timestamp":-5,"input_length":1,"output_length":1}`,
	} {
		if rows, err := ReadMooncakeTrace(strings.NewReader(in)); err == nil {
			t.Errorf("%s: %v accepted", name, rows)
		}
	}
}

// Times further apart than a trace can be are refused with their line: the
// difference does not fit, and rows would be out of order.
func TestAzureTimesTooFarApart(t *testing.T) {
	for _, in := range []string{
		"9999-12-31 00:00:00,1,1\n0001-01-01 00:00:00,1,1\n",
		"0001-01-01 00:00:00,1,1\n9999-12-31 00:00:00,1,1\n2024-01-01 00:00:00,1,1\n",
	} {
		_, err := ReadAzureTrace(strings.NewReader("TIMESTAMP,ContextTokens,GeneratedTokens\n" + in))
		if err == nil || !strings.Contains(err.Error(), "line 3: time stamp") || !strings.Contains(err.Error(), "more than 32 years from") {
			t.Errorf("%q: %v", in, err)
		}
	}
}
