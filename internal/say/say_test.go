package say

import (
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Number(0.0107), "0.0107"}, {Number(2058.4), "2,058"}, {Number(1.7349), "1.73"}, {Number(math.Copysign(0, -1)), "0"},
		{Number(math.NaN()), "n/a"}, {Number(999.6), "1,000"}, {Number(1e-12), "0"},
		{Integer(1234567), "1,234,567"}, {Integer(-1000), "-1,000"},
		{Seconds(0.412), "412 ms"}, {Seconds(1.7312), "1.73 s"}, {Seconds(0.9996), "1 s"}, {Seconds(2e-5), "20 µs"},
		{Seconds(75.31), "75.3 s"}, {Seconds(0), "0 s"},
		{Metric("ttft_p50", 0.0312), "31.2 ms"}, {Metric("output_throughput", 5191.2), "5,191 tok/s"},
		{Metric("error_rate", 0.0123), "1.23%"}, {Metric("no_such", 2), "2"},
		{Percent(0.03), "3%"}, {Percent(0.12345), "12.3%"}, {Percent(-0.5), "-50%"},
		{Change(1.123), "+12.3%"}, {Change(0.39), "-61%"}, {Change(2.46), "2.46×"}, {Change(1.0001), "±0%"},
		{Change(1.994), "+99.4%"}, {Change(1.9996), "2×"}, {Change(1.0046), "+0.5%"}, {Change(math.Inf(1)), "n/a"},
		{Change(0.9946), "-0.5%"}, {Size(0.954), "4.6%"}, {Size(3.457), "3.46×"},
		{Duration(0), "0 s"}, {Duration(850 * time.Millisecond), "850 ms"}, {Duration(3200 * time.Millisecond), "3.2 s"},
		{Duration(59960 * time.Millisecond), "1m 00s"}, {Duration(166 * time.Second), "2m 46s"},
		{Duration(3599600 * time.Millisecond), "1h 00m"}, {Duration(7*time.Hour + 5*time.Minute), "7h 05m"},
		{Duration(-2 * time.Minute), "-2m 00s"},
		{Bytes(int64(512 << 20)), "512 MiB"}, {Bytes(1.5 * (1 << 30)), "1.5 GiB"}, {Bytes(int64(12)), "12 B"},
		{Typographic("-61%"), "−61%"},
		{Probability(0.0004), "under 0.1%"}, {Probability(0.71349), "71.3%"}, {Probability(0.9995), "over 99.9%"},
		{PValue(0.00031), "p<0.001"}, {PValue(0.0123), "p=0.012"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	words := []string{"a", "b", "c", "d"}
	for _, c := range []struct{ got, want string }{
		{Count(1, "trial"), "1 trial"}, {Count(0, "trial"), "0 trials"}, {Count(1024, "request"), "1,024 requests"},
		{Count(2, "query"), "2 queries"}, {Count(2, "day"), "2 days"}, {Count(2, "launch"), "2 launches"},
		{Count(2, "trial was", "trials were"), "2 trials were"},
		{Times(1), "once"}, {Times(2), "twice"}, {Times(3), "3 times"},
		{List(nil), ""}, {List(words[:1]), "a"}, {List(words[:2]), "a and b"}, {List(words[:3]), "a, b and c"},
		{Choice(words[:3]), "a, b or c"}, {Few(words, 2), "a, b and 2 more"}, {Few(words, 4), "a, b, c and d"},
		{Clip("äöüß", 4), "äöüß"}, {Clip("äöüßx", 4), "äöü…"}, {Clip("ab", 0), "…"}, {Line("a\n  b", 9), "a b"},
		{Interval("1", "2"), "[1, 2]"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if got := strings.Join(Wrap("ä bc  de, longer f", 6), "|"); got != "ä bc|de,|longer|f" {
		t.Errorf("wrapped: %s", got)
	}
	if len(words) != 4 || words[2] != "c" {
		t.Errorf("Few changed its argument: %q", words)
	}
}

// A POSIX shell reads the words back as they were.
func TestShell(t *testing.T) {
	if got := Shell([]string{"vllm", "serve", "a b", ""}); got != "vllm serve 'a b' ''" {
		t.Errorf("got %s", got)
	}
	for _, word := range []string{"plain", "it's", `{"a": "$HOME"}`, "", "a b", "*", "~", "a\nb", `\`, "ä"} {
		out, err := exec.Command("sh", "-c", "printf %s "+ShellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q came back as %q (%v)", word, out, err)
		}
	}
}

func TestMetric(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    float64
		want string
	}{
		{"ttft_p95", 0, "0 s"},
		{"ttft_p95", 0.412, "412 ms"},
		{"ttft_p95", 0.0421, "42.1 ms"},
		{"ttft_p95", 0.9994, "999 ms"},
		{"ttft_p95", 0.9996, "1 s"},
		{"ttft_p95", 1, "1 s"},
		{"ttft_p95", 1.726, "1.73 s"},
		{"ttft_p95", 0.0009994, "999 µs"},
		{"ttft_p95", 0.0009996, "1 ms"},
		{"ttft_p95", 0.000012, "12 µs"},
		{"ttft_p95", 9.996, "10 s"},
		{"ttft_p95", 99.96, "100 s"},
		{"ttft_p95", 999.6, "1,000 s"},
		{"ttft_p95", -0.9996, "-1 s"},
		{"ttft_p95", 1e-12, "0.000001 µs"},
		{"ttft_p95", 1e-18, "0 µs"},
		{"output_throughput", 2058.4, "2,058 tok/s"},
		{"output_throughput", 999.6, "1,000 tok/s"},
		{"output_throughput", 1234567.8, "1,234,568 tok/s"},
		{"output_throughput", -1234.5, "-1,235 tok/s"},
		{"output_throughput", 100, "100 tok/s"},
		{"output_throughput", -1e-12, "0 tok/s"},
		{"request_throughput", 0, "0 req/s"},
		{"request_throughput", 4.995, "5 req/s"},
		{"request_throughput", 0.01234, "0.0123 req/s"},
		{"output_throughput_per_gpu", 512, "512 tok/s/GPU"},
		{"error_rate", 0.0123, "1.23%"},
		{"error_rate", 1, "100%"},
		{"error_rate", 0, "0%"},
		{"ttft_p95", math.NaN(), "n/a"},
		{"output_throughput", math.Inf(1), "n/a"},
		{"no_such_metric", 1234.5, "1,235"},
		{"no_such_metric", math.NaN(), "n/a"},
		{"no_such_metric", math.Inf(-1), "n/a"},
	} {
		if got := Metric(tc.name, tc.v); got != tc.want {
			t.Errorf("Metric(%q, %v) = %q, want %q", tc.name, tc.v, got, tc.want)
		}
	}
}
