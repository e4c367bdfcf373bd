package loadgen

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// tableStats and tableBases are the columns and rows of the latency table.
var (
	tableStats = []string{"mean", "p50", "p75", "p90", "p95", "p99"}
	tableBases = []struct{ base, title string }{
		{"ttft", "TTFT"}, {"tpot", "TPOT"}, {"itl", "ITL"}, {"e2e", "E2E"},
	}
)

// WriteTable prints the summary for people: rates, latencies, the evidence
// about the client, reasons of invalidity and warnings. A percentile below its
// sample floor prints as "-".
func (s Summary) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	s.writeRates(t)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	s.writeLatencies(t)
	if err := t.Flush(); err != nil {
		return err
	}
	return s.writeNotes(w)
}

func (s *Summary) writeRates(w io.Writer) {
	ok := s.Requests[ClassOK]
	fmt.Fprintf(w, "load\t%s, window %s\n", s.Label, say.Duration(s.Window))
	fmt.Fprintf(w, "requests\t%d ok, %d failed%s\n", ok, s.Total()-ok, s.failures())
	if s.TokensPerChunk > 0 {
		fmt.Fprintf(w, "tokens per chunk\t%.3g\n", s.TokensPerChunk)
	}
	for _, name := range []string{"request_throughput", "output_throughput", "output_throughput_per_gpu", "total_throughput", "goodput"} {
		if v, has := s.Metrics[name]; has {
			fmt.Fprintf(w, "%s\t%s\n", metric.Title(name), say.Metric(name, v))
		}
	}
}

// tutorialStats are the rows of the tutorial's table.
var tutorialStats = []string{"p50", "p75", "p90", "p95", "p99"}

// WriteTutorial prints the few figures that tutorials of vLLM show: rates as
// they come, and the latency of whole requests in seconds and milliseconds. "-"
// stands for a percentile below its sample floor.
func (s Summary) WriteTutorial(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range []struct{ name, title string }{
		{"request_throughput", "Requests per second"}, {"output_throughput", "Output tokens per second, mean"},
	} {
		if v, has := s.Metrics[row.name]; has {
			fmt.Fprintf(t, "%s\t%.2f\n", row.title, v)
		}
	}
	fmt.Fprint(t, "Latency\tseconds\tmilliseconds\n")
	for _, st := range tutorialStats {
		if v, has := s.Metrics["e2e_"+st]; has {
			fmt.Fprintf(t, "%s\t%.3f\t%.1f\n", strings.ToUpper(st), v, 1000*v)
		} else {
			fmt.Fprintf(t, "%s\t-\t-\n", strings.ToUpper(st))
		}
	}
	fmt.Fprintln(w)
	return t.Flush()
}

// failures lists the failed requests by class.
func (s *Summary) failures() string {
	var parts []string
	for _, c := range Classes()[1:] {
		if n := s.Requests[c]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (s *Summary) writeLatencies(w io.Writer) {
	fmt.Fprint(w, "\t")
	for _, st := range tableStats {
		fmt.Fprintf(w, "%s\t", strings.ToUpper(st[:1])+st[1:])
	}
	fmt.Fprintln(w)
	for _, row := range tableBases {
		fmt.Fprintf(w, "%s\t", row.title)
		for _, st := range tableStats {
			name := row.base + "_" + st
			if v, has := s.Metrics[name]; has {
				fmt.Fprintf(w, "%s\t", say.Metric(name, v))
			} else {
				fmt.Fprint(w, "-\t")
			}
		}
		fmt.Fprintln(w)
	}
}

func (s *Summary) writeNotes(w io.Writer) error {
	c := s.Client
	var b strings.Builder
	b.WriteString("\nclient: ")
	if c.AskedRate > 0 {
		fmt.Fprintf(&b, "sent %.4g of %.4g req/s asked, dispatch lag p50 %s p99 %s, %d late, %d not sent, ",
			c.OfferedRate, c.AskedRate, say.Duration(c.DispatchLagP50), say.Duration(c.DispatchLagP99), c.Late, s.Requests[ClassDropped])
	} else {
		fmt.Fprintf(&b, "sent %.4g req/s, hand-over lag %s, ", c.OfferedRate, say.Duration(c.HandoverLag))
	}
	if c.Resent > 0 {
		fmt.Fprintf(&b, "%d sent twice, ", c.Resent)
	}
	fmt.Fprintf(&b, "in flight mean %.3g peak %d\n", c.MeanInFlight, c.PeakInFlight)
	fmt.Fprintf(&b, "client: CPU %s, longest GC pause %s, scheduling latency p99 %s, %s of chunks shared a read\n",
		say.Percent(c.CPUShare), say.Duration(c.GCPauseMax), say.Duration(c.SchedLagP99), say.Percent(c.Coalesced))
	switch c.StampSource {
	case StampKernel:
		fmt.Fprintf(&b, "client: chunks timed by the kernel, read lag p50 %s p99 %s\n", say.Duration(c.ReadLagP50), say.Duration(c.ReadLagP99))
	case StampUser:
		b.WriteString("client: chunks timed in user space\n")
	}
	if c.Limits.Shared {
		fmt.Fprintf(&b, "client: judged by the limits of a shared machine%s; its own lag is %s on average and %s at the %s, %s of the median TTFT\n",
			because(c.Limits.Why), say.Duration(c.OwnLagMean), say.Duration(c.OwnLag), c.OwnLagStat, say.Percent(c.OwnLagShare))
	}
	for _, n := range s.Invalid {
		fmt.Fprintf(&b, "INVALID: %s\n", n.Text())
	}
	for _, remedy := range notice.Remedies(c.Limits.Advise(s.Invalid, "--shared-machine")) {
		fmt.Fprintf(&b, "INVALID: what to do: %s\n", remedy)
	}
	for _, n := range slices.Concat(s.Warnings, s.tooFew()) {
		fmt.Fprintf(&b, "warning: %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func because(why *notice.Notice) string {
	if why == nil {
		return ""
	}
	return " (" + why.Text() + ")"
}
