package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strings"
	"sync"
	"time"
)

// plan is a load in the fake's own words.
type plan struct {
	url, model, key     string
	chat                bool
	text                bool    // chunks without text are no tokens to this tool
	rate                float64 // 0: closed loop
	poisson             bool
	streams             int
	requests            int           // 0: by time
	length              time.Duration // 0: by requests
	promptLen, answerLn int
	seed                int64
}

// shot is one request that was sent.
type shot struct {
	due, sent, first, last, end time.Time
	gaps                        []float64 // seconds
	in, out                     int
	err                         string
	cut                         bool // by the end of the time
}

// fire makes the load.
func (p plan) fire() (shots []*shot, began, ended time.Time) {
	ctx := context.Background()
	if p.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.length)
		defer cancel()
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(p.streams, 1))
	random := rand.New(rand.NewSource(p.seed))
	began = time.Now()
	due := began
	for n := 0; (p.requests == 0 || n < p.requests) && ctx.Err() == nil; n++ {
		if p.rate > 0 {
			wait := time.NewTimer(time.Until(due))
			select {
			case <-wait.C:
			case <-ctx.Done():
			}
			wait.Stop()
		}
		if p.rate == 0 || p.streams > 0 {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		s := &shot{due: due}
		shots = append(shots, s)
		ids := make([]int, p.promptLen)
		for i := range ids {
			ids[i] = 1000 + random.Intn(20000)
		}
		wg.Go(func() {
			p.one(ctx, client, s, ids)
			if p.rate == 0 || p.streams > 0 {
				<-slots
			}
			mu.Lock()
			defer mu.Unlock()
			if s.end.After(ended) {
				ended = s.end
			}
		})
		gap := 0.0
		if p.rate > 0 {
			if gap = 1 / p.rate; p.poisson {
				gap = random.ExpFloat64() / p.rate
			}
		}
		due = due.Add(time.Duration(gap * float64(time.Second)))
	}
	wg.Wait()
	return shots, began, ended
}

// one sends a request and reads its stream.
func (p plan) one(ctx context.Context, client *http.Client, s *shot, ids []int) {
	body := map[string]any{
		"model": p.model, "max_tokens": p.answerLn, "stream": true, "ignore_eos": true, "temperature": 0,
		"stream_options": map[string]any{"include_usage": true},
	}
	path := "/v1/completions"
	if p.chat {
		path = "/v1/chat/completions"
		body["messages"] = []any{map[string]any{"role": "user", "content": strings.Repeat("word ", p.promptLen)}}
	} else {
		body["prompt"] = ids
	}
	data, _ := json.Marshal(body)
	s.sent = time.Now()
	defer func() { s.end = time.Now() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, bytes.NewReader(data))
	if err != nil {
		s.err = err.Error()
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if p.key != "" {
		req.Header.Set("Authorization", "Bearer "+p.key)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.fail(ctx, err.Error())
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		io.Copy(io.Discard, resp.Body)
		s.err = strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode)+" ")
		return
	}
	s.stream(ctx, resp.Body, p.text)
}

func (s *shot) fail(ctx context.Context, text string) {
	s.err, s.cut = text, ctx.Err() != nil
}

func (s *shot) stream(ctx context.Context, body io.Reader, text bool) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		now := time.Now()
		var event struct {
			Choices []struct {
				Text  string
				Delta struct{ Content string }
			}
			Usage *struct {
				PromptTokens     int `json:"prompt_tokens"`
				CompletionTokens int `json:"completion_tokens"`
			}
		}
		if json.Unmarshal([]byte(data), &event) != nil {
			continue
		}
		if event.Usage != nil {
			s.in, s.out = event.Usage.PromptTokens, event.Usage.CompletionTokens
		}
		if len(event.Choices) == 0 || text && event.Choices[0].Text == "" && event.Choices[0].Delta.Content == "" {
			continue
		}
		if s.first.IsZero() {
			s.first = now
		} else {
			s.gaps = append(s.gaps, now.Sub(s.last).Seconds())
		}
		s.last = now
	}
	if err := lines.Err(); err != nil {
		s.fail(ctx, err.Error())
	}
}

func (s *shot) ok() bool { return s.err == "" && !s.first.IsZero() }
