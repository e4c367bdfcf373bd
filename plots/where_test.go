package plots

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/plots/draw"
)

func TestWhere(t *testing.T) {
	for _, c := range []struct {
		expr  string
		cells int
		names string // of the configurations left
	}{
		{"load=chat", 32, "baseline gpu-memory-utilization=0.85 gpu-memory-utilization=0.95 max-model-len=4096 max-num-seqs=64 max-num-seqs=512 tensor-parallel-size=2 speculative-config={…}"},
		{"max-num-seqs>=64", 12, "baseline max-num-seqs=64 max-num-seqs=512"},
		{"max-num-seqs > 64 and point=chat c=64", 2, "baseline max-num-seqs=512"},
		{"ttft_p95<0.1s, output_throughput>=500", 1, "tensor-parallel-size=2"},
		{"label~memory", 12, "baseline gpu-memory-utilization=0.85 gpu-memory-utilization=0.95"},
		{"max-num-seqs=1", 4, "baseline"},
	} {
		in := rich()
		conditions, err := ParseWhere(c.expr, in.Plan)
		if err != nil {
			t.Fatal(err)
		}
		out := in.Where(conditions)
		if got := strings.Join(shortLabels(out.Plan.Configurations), " "); len(out.Findings.Cells) != c.cells || got != c.names {
			t.Errorf("%s keeps %d cells of %s, want %d of %s", c.expr, len(out.Findings.Cells), got, c.cells, c.names)
		}
		if len(in.Findings.Cells) != 32 {
			t.Fatalf("%s changed its input", c.expr)
		}
		for _, f := range Figures(out) { // whatever is left can be drawn
			if err := f.WriteSVG(&bytes.Buffer{}, draw.Light()); err != nil {
				t.Errorf("%s: %v", c.expr, err)
			}
		}
	}
	for expr, want := range map[string]string{
		"":                 "an empty condition",
		"load=chat and ":   "an empty condition",
		"chat":             `"chat": want NAME OP VALUE with one of != <= >= = < > ~`,
		"ttft<1":           "unknown name \"ttft\": want load, point, label, a metric, or a flag of the plan",
		"ttft_p95<quickly": `want a number or duration, not "quickly"`,
		"load<3":           "load is text, which < cannot compare",
	} {
		if _, err := ParseWhere(expr, rich().Plan); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", expr, err, want)
		}
	}
}

func TestChosen(t *testing.T) {
	figures, absent := Chosen(rich(), "tpot_p50", "request_throughput")
	if len(figures) != 1 || len(absent) != 0 || figures[0].Name != "scatter-chat-tpot_p50-request_throughput" {
		t.Fatalf("%v %v", figures, absent)
	}
	if figures[0].Title != "Request throughput against TPOT p50, load chat" {
		t.Error(figures[0].Title)
	}
	_, absent = Chosen(rich(), "ttft_p99", "goodput")
	if len(absent) != 1 || absent[0].Reason != "no configuration has both ttft_p99 and goodput at load chat" {
		t.Error(absent)
	}
}
