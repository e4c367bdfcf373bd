package report

import (
	"math"
	"os/exec"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/say"
)

func TestChange(t *testing.T) {
	for _, tt := range []struct {
		ratio float64
		want  string
	}{
		{1, "±0%"}, {1.0004, "±0%"}, {1.123, "+12.3%"}, {0.82, "−18%"}, {2.04, "2.04×"}, {3.4, "3.4×"},
		{0.0004, "−100%"}, {math.NaN(), "n/a"}, {math.Inf(1), "n/a"},
	} {
		if got := change(tt.ratio); got != tt.want {
			t.Errorf("change(%v) = %q, want %q", tt.ratio, got, tt.want)
		}
	}
}

func TestIntervalText(t *testing.T) {
	for _, tt := range []struct {
		metric string
		lo, hi float64
		want   string
	}{
		{"output_throughput", 1990, 2120, "1,990 – 2,120 tok/s"},
		{"ttft_p95", 0.9, 1.1, "900 ms – 1.1 s"}, // units differ: both stay
		{"error_rate", 0, 0.012, "0 – 1.2%"},
	} {
		if got := intervalText(tt.metric, tt.lo, tt.hi); got != tt.want {
			t.Errorf("intervalText(%s) = %q, want %q", tt.metric, got, tt.want)
		}
	}
}

func TestEstimateDoubt(t *testing.T) {
	for _, tt := range []struct {
		e    analysis.Estimate
		want string
	}{
		{analysis.Estimate{Center: 1, N: 1, Method: analysis.MethodPoint}, "n=1, no interval"},
		{analysis.Estimate{Center: 1, Lo: 0.9, Hi: 1.2, N: 2, Method: analysis.MethodRange}, "range 900 ms – 1.2 s"},
		{analysis.Estimate{Center: 1.1, Lo: 1, Hi: 1.2, N: 3, Method: analysis.MethodOwn}, "1 – 1.2 s"},
	} {
		if got := estimateDoubt("e2e_p50", tt.e); got != tt.want {
			t.Errorf("estimateDoubt(%+v) = %q, want %q", tt.e, got, tt.want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "–", 1500 * time.Millisecond: "1.5 s", 94 * time.Second: "1m 34s", 59*time.Minute + 59600*time.Millisecond: "1h 00m",
		7*time.Hour + 5*time.Minute: "7h 05m",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}

// What is shown must mean to a shell what was run.
func TestShellJoinSurvivesAShell(t *testing.T) {
	args := []string{"plain", "--a=b", "", "two words", `it's "quoted"`, "$HOME `id` \\ * ?", "{\"a\": [1]}", "new\nline"}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	out, err := exec.Command(sh, "-c", `printf '%s\0' `+say.Shell(args)).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, a := range args {
		want += a + "\x00"
	}
	if string(out) != want {
		t.Errorf("shell read %q, want %q", out, want)
	}
}

func TestMarkdownEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"ttft_p95 ≤ 1 s":       `ttft\_p95 ≤ 1 s`,
		"<img src=x> a|b\n# c": `&lt;img src=x&gt; a\|b \# c`,
		"[x](javascript:y) `z": "\\[x\\](javascript:y) \\`z",
	} {
		if got := markdownText(in); got != want {
			t.Errorf("markdownText(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := markdownCode("a``b|c"), "```a``b\\|c```"; got != want {
		t.Errorf("markdownCode = %q, want %q", got, want)
	}
	if got, want := fenced("sh", "a\n```\nb"), "````sh\na\n```\nb\n````"; got != want {
		t.Errorf("fenced = %q, want %q", got, want)
	}
}
