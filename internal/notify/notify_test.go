package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
)

var message = Message{RunID: "r", Name: "acme", End: experiment.NotifyFinished, Planned: 4, OK: 3, Invalid: 1, Text: "acme finished"}

func sender(env map[string]string) Sender {
	return Sender{Pauses: []time.Duration{0, 0}, LookupEnv: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}
}

func TestWebhookIsTriedAgain(t *testing.T) {
	var calls atomic.Int32
	var got Message
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Error(err, r.Header)
		}
	}))
	defer srv.Close()
	s := sender(map[string]string{"HOOK": srv.URL + "/secret-path"})
	if err := s.Send(t.Context(), []experiment.Notify{{WebhookEnv: "HOOK"}}, message); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 3 || got.OK != 3 || got.End != "finished" {
		t.Errorf("%d calls, message %+v", calls.Load(), got)
	}
}

// Failures name the receiver; the address of a webhook is its key and stays out.
func TestFailuresHoldNoSecret(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		http.Error(w, "no such hook", http.StatusNotFound)
	}))
	gone := httptest.NewServer(nil)
	gone.Close()
	defer srv.Close()
	s := sender(map[string]string{"HOOK": srv.URL + "/T0/secret", "GONE": gone.URL + "/T0/secret", "BAD": "http://secret\x7f"})
	for name, want := range map[string]string{"HOOK": "404 Not Found: no such hook", "GONE": "connection refused", "BAD": "invalid URL"} {
		err := s.Send(t.Context(), []experiment.Notify{{WebhookEnv: name}}, message)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "webhook of "+name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("a wrong address was tried %d times", calls.Load())
	}
	err := s.Send(t.Context(), []experiment.Notify{{Webhook: srv.URL + "/T0/secret?token=secret"}}, message)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if err := s.Check([]experiment.Notify{{WebhookEnv: "UNSET"}}); err == nil || !strings.Contains(err.Error(), "UNSET") {
		t.Errorf("unset variable: %v", err)
	}
}

// Receivers that hang hold up neither the others nor Send beyond its context.
func TestReceiversThatHang(t *testing.T) {
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer srv.Close()
	defer close(over)
	got := make(chan struct{}, 1)
	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got <- struct{}{} }))
	defer good.Close()
	to := []experiment.Notify{{Webhook: srv.URL}, {Command: []string{"sh", "-c", "sleep 8; :"}}, {Webhook: good.URL}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-got
		time.Sleep(time.Second) // the last one has its answer, too; the others hang
		cancel()
	}()
	began := time.Now()
	err := sender(nil).Send(ctx, to, message)
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("took %s", took)
	}
	if err == nil || strings.Count(err.Error(), "interrupted") != 2 {
		t.Errorf("%v, want two that were interrupted", err)
	}
}

func TestCommandGetsTheMessage(t *testing.T) {
	out := filepath.Join(t.TempDir(), "got")
	to := []experiment.Notify{
		{Command: []string{"sh", "-c", "cat > '" + out + "'"}, On: []string{experiment.NotifyFinished}},
		{Command: []string{"sh", "-c", "echo must not run; exit 1"}, On: []string{experiment.NotifyFailed}},
	}
	if err := sender(nil).Send(t.Context(), to, message); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	var m Message
	if err != nil || json.Unmarshal(b, &m) != nil || m.Text != "acme finished" {
		t.Errorf("%s, %v", b, err)
	}
	failed := message
	failed.End = experiment.NotifyFailed
	if err := sender(nil).Send(t.Context(), to, failed); err == nil || !strings.Contains(err.Error(), "must not run") {
		t.Errorf("err = %v", err)
	}
}
