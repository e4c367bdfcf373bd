package site

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runsBelow makes run directories that hold as much as the site looks at.
func runsBelow(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name, "report", "figures"), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string]string{
			"plan.json": "{}", "secret.txt": "secret", "report/index.html": "<p>report of " + name, "report/figures/a.svg": "<svg/>",
		} {
			if err := os.WriteFile(filepath.Join(dir, name, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func serve(t *testing.T, s Site) func(path string) (int, string) {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

func TestSite(t *testing.T) {
	dir := runsBelow(t, "bot/20261123-221004", "bot/20261124-221004", "odd/20261101-000000")
	state := "running"
	get := serve(t, Site{Dirs: []string{dir}, Summarise: func(path string) (Summary, error) {
		if strings.Contains(path, "odd") {
			return Summary{}, errors.New("plan.json: <unreadable>")
		}
		return Summary{
			Name: "bot", State: state, Planned: 12, Done: 5, Invalid: 1, Began: time.Now(),
			Answers: []string{"throughput: max-num-seqs=64"}, Events: []Event{{Event: "trial_began", Text: "t001"}},
		}, nil
	}})
	code, list := get("/")
	first, second := strings.Index(list, "20261124"), strings.Index(list, "20261123")
	if code != 200 || first < 0 || second < first || !strings.Contains(list, "5 of 12") || !strings.Contains(list, "plan.json: &lt;unreadable&gt;") {
		t.Errorf("list: %d %s", code, list)
	}
	code, live := get("/run/bot~20261124-221004/")
	if code != 200 || !strings.Contains(live, "max-num-seqs=64") || !strings.Contains(live, `value="5"`) {
		t.Errorf("live: %d %s", code, live)
	}
	_, status := get("/run/bot~20261124-221004/status.json")
	var s Summary
	if err := json.Unmarshal([]byte(status), &s); err != nil || s.Done != 5 || s.State != "running" || !s.Report {
		t.Errorf("status %s: %v", status, err)
	}
	state = "finished"
	if _, status = get("/run/bot~20261124-221004/status.json"); !strings.Contains(status, `"state":"finished"`) {
		t.Errorf("the status is not read anew: %s", status)
	}
	for path, want := range map[string]int{
		"/run/bot~20261123-221004/report/":                  200,
		"/run/bot~20261123-221004/report/figures/a.svg":     200,
		"/run/bot~20261123-221004/report/figures":           404,
		"/run/bot~20261123-221004/report/..%2fsecret.txt":   404,
		"/run/bot~20261123-221004/report/%2e%2e/secret.txt": 404,
		"/run/bot~20261123-221004/report/figures/../../x":   404,
		"/run/bot~20260101-000000/":                         404,
		"/run/" + strings.ReplaceAll(dir, "/", "%2f") + "/": 404,
		"/elsewhere": 404,
	} {
		code, body := get(path)
		if code != want || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s, want %d", path, code, body, want)
		}
	}
}

// A page of another origin that resolves its name to the loopback address must
// get nothing.
func TestForeignHostIsRefused(t *testing.T) {
	handler := Site{Dirs: []string{runsBelow(t)}, Summarise: func(string) (Summary, error) { return Summary{}, nil }}.Handler()
	for host, want := range map[string]int{
		"127.0.0.1:80": 200, "localhost": 200, "[::1]:8700": 200, "evil.example:80": 403, "10.0.0.5": 403, "127.0.0.1.evil.example": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %s: %d, want %d", host, w.Code, want)
		}
	}
}
