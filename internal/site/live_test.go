package site

import (
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/vllm-sweep/sweep/sim/browsertest"
)

// The page of a running run follows it without being loaded again, and stops
// asking once it is finished.
func TestLivePageFollowsARun(t *testing.T) {
	var asked atomic.Int64
	s := Site{Dirs: []string{runsBelow(t, "bot/20261123-221004")}, Summarise: func(string) (Summary, error) {
		n := int(asked.Add(1))
		out := Summary{Name: "bot", State: "running", Planned: 9, Done: min(n, 9), Events: []Event{{Event: "trial_finished", Text: "<b>t001</b>"}}}
		if n > 2 {
			out.State, out.Answers = "finished", []string{"throughput: max-num-seqs=64"}
		}
		return out, nil
	}}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	b := browsertest.Open(t, server.URL+"/run/bot~20261123-221004/", 1200, 800)
	if got := b.Text("#counts"); got != "1 of 9 trials" {
		t.Errorf("at first %q", got)
	}
	b.Run(chromedp.Poll(`document.getElementById('state').textContent === 'finished'`, nil))
	if got := b.Text("#answers"); got != "throughput: max-num-seqs=64" {
		t.Errorf("answers %q", got)
	}
	if got := b.Text("#events td:last-child"); got != "<b>t001</b>" {
		t.Errorf("the event is %q", got)
	}
	if got := b.Text("#counts"); !strings.HasPrefix(got, "3 of 9") {
		t.Errorf("at last %q", got)
	}
	b.Check(server.URL)
}
