// Package notify tells somebody that a run has ended, or begins badly: a message in JSON goes to
// a webhook or to a command's standard input. What it sends and what it reports
// of failures holds no secret: addresses that came by reference are never
// written anywhere.
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/internal/wording"
)

// Message is what is told of a run.
type Message struct {
	RunID           string           `json:"run_id"`
	Name            string           `json:"name"`
	End             string           `json:"end"` // finished, failed, interrupted; warning: the run goes on
	Error           string           `json:"error,omitempty"`
	Planned         int              `json:"planned"` // trials
	OK              int              `json:"ok"`
	Invalid         int              `json:"invalid"`
	Failed          int              `json:"failed"`
	Took            float64          `json:"took_s"` // of this session
	RunDirectory    string           `json:"run_directory"`
	Recommendations []Recommendation `json:"recommendations,omitempty"`
	Text            string           `json:"text"` // for people; chat services show this field
}

// Recommendation is the answer to one use case in a few words.
type Recommendation struct {
	UseCase string `json:"use_case"`
	Text    string `json:"text"`
}

// Limits of one attempt, and the pauses before the second and third.
const attemptTimeout = 20 * time.Second

func pauses() []time.Duration { return []time.Duration{2 * time.Second, 8 * time.Second} }

// Sender sends messages.
type Sender struct {
	LookupEnv func(string) (string, bool)
	Client    *http.Client    // nil: the default, which heeds the proxies of the environment
	Pauses    []time.Duration // between attempts; nil: the usual ones
}

// Check reports variables that notifications refer to and that are not set.
func (s Sender) Check(to []experiment.Notify) error {
	for _, n := range to {
		if n.WebhookEnv == "" {
			continue
		}
		if _, ok := s.LookupEnv(n.WebhookEnv); !ok {
			return fmt.Errorf("notify: environment variable %s of the webhook is not set: export it and try again", n.WebhookEnv)
		}
	}
	return nil
}

// Send tells everybody who asked for that end, at the same time, until ctx ends.
// Its error joins the failures; each names whom it concerns and holds no secret.
func (s Sender) Send(ctx context.Context, to []experiment.Notify, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	errs := make([]error, len(to))
	var sending sync.WaitGroup
	for i, n := range to {
		if len(n.On) > 0 && !slices.Contains(n.On, m.End) {
			continue
		}
		sending.Go(func() {
			err := s.persist(ctx, n, body)
			if errors.Is(err, context.Canceled) {
				err = errors.New("interrupted")
			}
			if err != nil {
				errs[i] = fmt.Errorf("notify %s: %s", who(n), wording.Plain(err.Error()))
			}
		})
	}
	sending.Wait()
	return errors.Join(errs...)
}

// who names a receiver without its secrets: paths and queries of webhooks are
// their keys.
func who(n experiment.Notify) string {
	switch {
	case len(n.Command) > 0:
		return n.Command[0]
	case n.WebhookEnv != "":
		return "webhook of " + n.WebhookEnv
	default:
		u, err := url.Parse(n.Webhook)
		if err != nil {
			return "webhook"
		}
		return "webhook at " + u.Host
	}
}

// persist tries until it succeeds or the pauses are used up.
func (s Sender) persist(ctx context.Context, n experiment.Notify, body []byte) error {
	waits := s.Pauses
	if waits == nil {
		waits = pauses()
	}
	for try := 0; ; try++ {
		err, final := s.once(ctx, n, body)
		if err == nil || final || try == len(waits) {
			return err
		}
		if wait.For(ctx, waits[try]) != nil {
			return err
		}
	}
}

// once makes one attempt. final tells that another one would end alike.
func (s Sender) once(ctx context.Context, n experiment.Notify, body []byte) (err error, final bool) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if len(n.Command) > 0 {
		return s.run(ctx, n.Command, body), false
	}
	address := n.Webhook
	if n.WebhookEnv != "" {
		address, _ = s.LookupEnv(n.WebhookEnv)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("invalid URL"), true // the error would repeat it
	}
	req.Header.Set("Content-Type", "application/json")
	client := s.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return redact(err), false
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	if resp.StatusCode < 300 {
		return nil, true
	}
	// Too many requests and faults of the server may pass; a wrong address or
	// message does not.
	final = resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests
	return fmt.Errorf("it answered %s: %s", resp.Status, strings.TrimSpace(string(said))), final
}

// redact takes the address out of an error of the HTTP client.
func redact(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (s Sender) run(ctx context.Context, command []string, body []byte) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(body)
	cmd.WaitDelay = 100 * time.Millisecond // for what it has started and left behind
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // the command itself succeeded
		return nil
	case ctx.Err() != nil: // it was killed for that
		return ctx.Err()
	}
	if text := strings.Join(strings.Fields(string(out)), " "); text != "" {
		return fmt.Errorf("%w: %.200s", err, text)
	}
	return err
}
