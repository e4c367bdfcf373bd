package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestMedians(t *testing.T) {
	in := `goos: linux
BenchmarkA/x=1-2   	       1	         0 ns/op	        30.0 lag-µs	     9 events/s
BenchmarkA/x=1-2   	       1	         0 ns/op	        10.0 lag-µs	     7 events/s
BenchmarkA/x=1-2   	       1	         0 ns/op	        20.0 lag-µs	     8 events/s
BenchmarkB-2       	     100	       5.5 ns/op
BenchmarkB-2       	     100	       6.5 ns/op
PASS
`
	var out, rest bytes.Buffer
	if err := medians(strings.NewReader(in), &out, &rest); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := "benchmark unit median least greatest runs|A/x=1-2 lag-µs 20 10 30 3|A/x=1-2 events/s 8 7 9 3|B-2 ns/op 6 5.5 6.5 2"
	if strings.Join(got, "|") != want || rest.String() != "goos: linux\nPASS\n" {
		t.Errorf("%s\n%s", strings.Join(got, "|"), rest.String())
	}
	if err := medians(strings.NewReader("--- FAIL: BenchmarkA\nFAIL\n"), &out, &rest); err == nil {
		t.Error("a failure was lost")
	}
}
