package vllmsim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/sim/vllmsim/server"
)

// console collects a server's output and announces its address.
type console struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan string
}

var addressLine = regexp.MustCompile(`Starting vLLM (?:server|API server 0) on http://(\S+)\n[\s\S]*Application startup complete`)

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(p)
	if c.ready == nil {
		return len(p), nil
	}
	if m := addressLine.FindSubmatch(c.text.Bytes()); m != nil {
		c.ready <- string(m[1])
		c.ready = nil
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// instance is a running server.
type instance struct {
	t      *testing.T
	url    string
	out    *console
	client *http.Client
	stop   func() int // cancels and returns the exit code
	exited chan int
}

// serve starts Qwen3-0.6B, fifty times faster than life unless args say
// otherwise.
func serve(t *testing.T, args ...string) *instance {
	t.Helper()
	ready := make(chan string, 1)
	s := &instance{t: t, out: &console{ready: ready}, exited: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	all := append([]string{"Qwen/Qwen3-0.6B", "--host", "127.0.0.1", "--port", "0", "--sim-startup", "0", "--sim-speedup", "50", "--sim-seed", "1"}, args...)
	go func() { s.exited <- Main(ctx, all, s.out, s.out) }()
	select {
	case address := <-ready:
		s.url = "http://" + address
	case code := <-s.exited:
		cancel()
		t.Fatalf("exit code %d\n%s", code, s.out)
	}
	s.client = &http.Client{Transport: &http.Transport{}}
	s.stop = sync.OnceValue(func() int {
		cancel()
		s.client.CloseIdleConnections()
		return <-s.exited
	})
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *instance) do(method, path, body string) (int, string) {
	s.t.Helper()
	resp := s.open(s.t.Context(), method, path, body)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(text)
}

func (s *instance) open(ctx context.Context, method, path, body string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// chunk is an event of a completion stream, either route.
type chunk struct {
	ID, Object, Model string
	Choices           []struct {
		Text         string
		Delta        struct{ Role, Content string }
		FinishReason *string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	Error *struct{ Message string }
}

// events reads a stream to its end; done says that [DONE] came last.
func events(t *testing.T, body io.Reader) (list []chunk, done bool) {
	t.Helper()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case lines.Text() == "":
		case !ok || done:
			t.Fatalf("unexpected line %q", lines.Text())
		case data == "[DONE]":
			done = true
		default:
			var c chunk
			if err := json.Unmarshal([]byte(data), &c); err != nil {
				t.Fatalf("event %s: %v", data, err)
			}
			list = append(list, c)
		}
	}
	return list, done
}

func (s *instance) stream(path, body string) ([]chunk, bool) {
	s.t.Helper()
	resp := s.open(s.t.Context(), "POST", path, body)
	defer resp.Body.Close()
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		s.t.Fatalf("status %d, type %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return events(s.t, resp.Body)
}

// count asks /tokenize.
func (s *instance) count(text string) int {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"prompt": text})
	if err != nil {
		s.t.Fatal(err)
	}
	_, answer := s.do("POST", "/tokenize", string(body))
	var got struct {
		Count  int
		Tokens []int
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Count != len(got.Tokens) {
		s.t.Fatalf("/tokenize answered %s: %v", answer, err)
	}
	return got.Count
}

func TestCompletionStream(t *testing.T) {
	s := serve(t)
	const prompt = "How many flags does a server have?"
	list, done := s.stream("/v1/completions", `{"model":"Qwen/Qwen3-0.6B","prompt":"`+prompt+`","max_tokens":7,"temperature":0,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}`)
	if !done || len(list) < 2 {
		t.Fatalf("%d events, [DONE] %v", len(list), done)
	}
	text := ""
	for _, c := range list[:len(list)-1] {
		if c.Object != "text_completion" || len(c.Choices) != 1 || c.Usage != nil {
			t.Errorf("event %+v", c)
		}
		text += c.Choices[0].Text
	}
	if reason := list[len(list)-2].Choices[0].FinishReason; reason == nil || *reason != "length" {
		t.Errorf("finish reason %v, want length", reason)
	}
	last := list[len(list)-1]
	if len(last.Choices) != 0 || last.Usage == nil {
		t.Fatalf("last event %+v, want usage without choices", last)
	}
	if n := s.count(prompt); last.Usage.Prompt != n || last.Usage.Completion != 7 || last.Usage.Total != n+7 {
		t.Errorf("usage %+v, want %d + 7", *last.Usage, n)
	}
	if n := s.count(text); n != 7 {
		t.Errorf("the text %q has %d tokens, want 7", text, n)
	}
}

func TestChatStream(t *testing.T) {
	s := serve(t)
	list, done := s.stream("/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}],"max_tokens":3,"temperature":0,"ignore_eos":true,"stream":true}`)
	if !done || len(list) < 2 {
		t.Fatalf("%d events, [DONE] %v", len(list), done)
	}
	if d := list[0].Choices[0].Delta; d.Role != "assistant" || d.Content != "" || list[0].Object != "chat.completion.chunk" {
		t.Errorf("first event %+v, want the role alone", list[0])
	}
	text := ""
	for _, c := range list[1:] {
		text += c.Choices[0].Delta.Content
	}
	if n := s.count(text); n != 3 {
		t.Errorf("the text %q has %d tokens, want 3", text, n)
	}
}

// Special tokens are chunks without text, and count.
func TestSpecialTokensHaveNoText(t *testing.T) {
	s := serve(t, "--sim-speedup", "4")
	list, _ := s.stream("/v1/completions", `{"prompt":"a","max_tokens":400,"temperature":0,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}`)
	text, empty := "", 0
	for _, c := range list {
		for _, choice := range c.Choices {
			text += choice.Text
			if choice.Text == "" {
				empty++
			}
		}
	}
	if n := s.count(text); n >= 400 || n < 380 || empty == 0 {
		t.Errorf("%d of 400 tokens have a text, %d chunks have none", n, empty)
	}
	if u := list[len(list)-1].Usage; u == nil || u.Completion != 400 {
		t.Errorf("usage %+v, want 400 tokens", u)
	}
}

func TestWholeAnswers(t *testing.T) {
	s := serve(t)
	for _, x := range []struct{ path, body, want string }{
		{"/v1/completions", `{"prompt":[5,6,7],"max_tokens":4,"ignore_eos":true}`, `"prompt_tokens":3,"total_tokens":7,"completion_tokens":4`},
		{"/v1/completions", `{"prompt":[[5,6,7]],"max_tokens":1}`, `"prompt_tokens":3,"total_tokens":4,"completion_tokens":1`},
		{"/v1/completions", `{"prompt":["a b"],"max_tokens":2,"min_tokens":2}`, `"completion_tokens":2`},
		{"/v1/completions", `{"prompt":"a"}`, `"object":"text_completion"`},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"max_completion_tokens":2,"ignore_eos":true}`, `"completion_tokens":2`},
		{"/detokenize", `{"tokens":[0,1,27]}`, `{"prompt":" aaaa aaab aabb"}`},
		{"/tokenize", `{"prompt":" aaaa aaab aabb"}`, `"tokens":[0,1,27]`},
	} {
		if status, text := s.do("POST", x.path, x.body); status != 200 || !strings.Contains(text, x.want) {
			t.Errorf("%s %s: %d %s\nwant %s", x.path, x.body, status, text, x.want)
		}
	}
}

// TestGreedyRepeats: at temperature 0 equal prompts give equal answers that
// end by themselves.
func TestGreedyRepeats(t *testing.T) {
	s := serve(t, "--sim-output-mean", "20")
	const body = `{"prompt":"tell me","max_tokens":500,"temperature":0}`
	strip := regexp.MustCompile(`"(id|created)":[^,]*,`)
	_, first := s.do("POST", "/v1/completions", body)
	_, second := s.do("POST", "/v1/completions", body)
	if strip.ReplaceAllString(first, "") != strip.ReplaceAllString(second, "") {
		t.Errorf("answers differ\n%s\n%s", first, second)
	}
	if !strings.Contains(first, `"finish_reason":"stop"`) {
		t.Errorf("no natural end: %s", first)
	}
}

func TestRefusedRequests(t *testing.T) {
	s := serve(t, "--max-model-len", "100", "--api-key", "secret")
	post := func(path, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for _, x := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/completions", `{"model":"other","prompt":"a"}`, 404, "The model `other` does not exist."},
		{"/v1/completions", `{"prompt":"a","max_tokens":200}`, 400, "This model's maximum context length is 100 tokens. However, you requested 200 output tokens and your prompt contains 1 input tokens, for a total of 201 tokens."},
		{"/v1/completions", `{"prompt":`, 400, "JSON decode error"},
		{"/v1/completions", `{"prompt":""}`, 400, "cannot be empty"},
		{"/v1/completions", `{"prompt":[999999999]}`, 400, "out of vocabulary"},
		{"/v1/completions", `{"prompt":"a","max_tokens":0}`, 400, "max_tokens must be at least 1"},
		{"/v1/completions", `{"prompt":"a","n":2}`, 400, "n must be 1"},
		{"/v1/completions", `{"prompt":["a","b"]}`, 400, "one prompt per request"},
		{"/v1/chat/completions", `{"messages":[]}`, 400, "at least one message"},
		{"/v1/completions", `{"prompt":"a","max_tokens":"b"}`, 400, "'loc': ('body', 'max_tokens'), 'msg': 'Input should be a valid integer'"},
		{"/v1/completions", `{"prompt":"a","stream_options":{"include_usage":1}}`, 400, "'loc': ('body', 'stream_options', 'include_usage'), 'msg': 'Input should be a valid boolean'"},
		{"/nowhere", ``, 404, "Not Found"},
		{"/v1/models", ``, 405, `{"detail":"Method Not Allowed"}`},
		{"/v1/completions", `{"prompt":"a","max_tokens":200}`, 400, `"type":"BadRequestError"`},
		{"/reset_prefix_cache", ``, 404, "Not Found"},
	} {
		status, text := post(x.path, x.body)
		if status != x.status || !strings.Contains(text, x.want) {
			t.Errorf("%s %s: %d %s\nwant %d %s", x.path, x.body, status, text, x.status, x.want)
		}
	}
	if status, _ := s.do("GET", "/v1/models", ""); status != 401 {
		t.Errorf("without a key: status %d, want 401", status)
	}
	if status, _ := s.do("GET", "/health", ""); status != 200 {
		t.Errorf("health: status %d, want 200", status)
	}
}

func TestModelsAndVersion(t *testing.T) {
	s := serve(t, "--served-model-name", "chat", "alias", "--max-model-len", "4k", "--sim-version", "0.11.2")
	_, models := s.do("GET", "/v1/models", "")
	for _, want := range []string{`"id":"chat"`, `"id":"alias"`, `"max_model_len":4000`, `"root":"Qwen/Qwen3-0.6B"`} {
		if !strings.Contains(models, want) {
			t.Errorf("models %s\nlack %s", models, want)
		}
	}
	if _, text := s.do("GET", "/version", ""); text != `{"version":"0.11.2+sim"}` {
		t.Errorf("version %s", text)
	}
	if status, _ := s.do("POST", "/v1/completions", `{"model":"alias","prompt":"a"}`); status != 200 {
		t.Errorf("alias: status %d", status)
	}
	if !strings.Contains(s.out.String(), "Maximum concurrency for 4,000 tokens per request: ") || strings.Contains(s.out.String(), "tokens, Maximum") {
		t.Errorf("the log does not speak the old dialect\n%s", s.out)
	}
}

// TestMetrics: counters tell what the clients saw.
func TestMetrics(t *testing.T) {
	s := serve(t)
	for range 3 {
		s.do("POST", "/v1/completions", `{"prompt":"`+strings.Repeat("word ", 40)+`","max_tokens":5,"ignore_eos":true}`)
	}
	_, text := s.do("GET", "/metrics", "")
	labels := `{engine="0",model_name="Qwen/Qwen3-0.6B"}`
	for _, want := range []string{
		"vllm:generation_tokens_total" + labels + " 15", "vllm:num_requests_running" + labels + " 0",
		"vllm:kv_cache_usage_perc" + labels + " 0", "vllm:e2e_request_latency_seconds_count" + labels + " 3",
		"vllm:inter_token_latency_seconds_count" + labels + " 12", "vllm:time_to_first_token_seconds_count" + labels + " 3",
		`vllm:request_success_total{engine="0",finished_reason="length",model_name="Qwen/Qwen3-0.6B"} 3`,
		"vllm:prompt_tokens_total" + labels + " 123", "vllm:prefix_cache_queries_total" + labels + " 123", "vllm:prefix_cache_hits_total" + labels + " 64",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestMetricNames: every family of a decoder-only vLLM is there with its type
// and, for histograms, its bounds; deprecated names show in old versions only.
func TestMetricNames(t *testing.T) {
	const (
		lengths  = "1 2 5 10 20 50 100 200 500 1000 2000"
		tokens   = "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1 2.5 5 7.5 10 20 40 80"
		requests = "0.3 0.5 0.8 1 1.5 2 2.5 5 10 15 20 30 40 50 60 120 240 480 960 1920 7680"
		always   = `cache_config_info gauge|engine_sleep_state gauge|kv_cache_usage_perc gauge|num_requests_running gauge|num_requests_waiting gauge|num_requests_waiting_by_reason gauge` +
			`|external_prefix_cache_hits_total counter|external_prefix_cache_queries_total counter|generation_tokens_total counter|mm_cache_hits_total counter|mm_cache_queries_total counter|num_preemptions_total counter|prefix_cache_hits_total counter|prefix_cache_queries_total counter|prompt_tokens_by_source_total counter|prompt_tokens_cached_total counter|prompt_tokens_total counter|request_success_total counter` +
			`|time_to_first_token_seconds 0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 20 40 80 160 640 2560` +
			`|inter_token_latency_seconds ` + tokens + `|request_time_per_output_token_seconds ` + tokens +
			`|e2e_request_latency_seconds ` + requests + `|request_queue_time_seconds ` + requests + `|request_inference_time_seconds ` + requests + `|request_prefill_time_seconds ` + requests + `|request_decode_time_seconds ` + requests +
			`|iteration_tokens_total 1 8 16 32 64 128 256 512 1024 2048 4096 8192 16384|request_params_n 1 2 5 10 20` +
			`|request_prompt_tokens ` + lengths + `|request_generation_tokens ` + lengths + `|request_max_num_generation_tokens ` + lengths + `|request_params_max_tokens ` + lengths + `|request_prefill_kv_computed_tokens ` + lengths
		old = `|gpu_cache_usage_perc gauge|gpu_prefix_cache_hits_total counter|gpu_prefix_cache_queries_total counter|time_per_output_token_seconds ` + tokens
	)
	for version, want := range map[string]string{vllmflags.NewestVersion(): always, "0.11.0": always + old} {
		_, text := serve(t, "--sim-version", version, "--max-model-len", "4096").do("GET", "/metrics", "")
		if got := families(text); !slices.Equal(got, sorted(strings.Split(want, "|"))) {
			t.Errorf("%s: families\n%s\nwant\n%s", version, strings.Join(got, "\n"), strings.Join(sorted(strings.Split(want, "|")), "\n"))
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// families lists vLLM's metrics of a scrape with their types, or bounds.
func families(text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE vllm:(\S+) (\w+)$`).FindAllStringSubmatch(text, -1) {
		if m[2] != "histogram" {
			list = append(list, m[1]+" "+m[2])
			continue
		}
		one := m[1]
		for _, b := range regexp.MustCompile(`(?m)^vllm:`+m[1]+`_bucket\{.*le="([\d.]+)"`).FindAllStringSubmatch(text, -1) {
			one += " " + b[1]
		}
		list = append(list, one)
	}
	return sorted(list)
}

// TestStatsLine: the periodic line, with preemptions where there were any.
func TestStatsLine(t *testing.T) {
	last := server.Snapshot{Prompt: 100, Generated: 10, Preemptions: 2}
	now := server.Snapshot{Prompt: 1100, Generated: 265, Preemptions: 2, Running: 3, Waiting: 1, Usage: 0.1234, HitRate: 0.5}
	const head, tail = "Engine 001: Avg prompt throughput: 100.0 tokens/s, Avg generation throughput: 25.5 tokens/s, Running: 3 reqs, Waiting: 1 reqs, ", "GPU KV cache usage: 12.3%, Prefix cache hit rate: 50.0%"
	if got := statsLine(1, last, now, 10); got != head+tail {
		t.Error(got)
	}
	now.Preemptions = 9
	if got := statsLine(1, last, now, 10); got != head+"Preemptions: 7, "+tail {
		t.Error(got)
	}
}

func TestDeveloperRoutes(t *testing.T) {
	t.Setenv("VLLM_SERVER_DEV_MODE", "1")
	s := serve(t, "--max-num-seqs", "17")
	if _, text := s.do("GET", "/server_info?config_format=json", ""); !strings.Contains(text, `"max_num_seqs":17`) || !strings.Contains(text, `"VLLM_SERVER_DEV_MODE":"1"`) {
		t.Errorf("server info %s", text)
	}
	if _, text := s.do("POST", "/reset_prefix_cache", ""); text != `{"success":true}` {
		t.Errorf("idle reset: %s", text)
	}
	resp := s.open(t.Context(), "POST", "/v1/completions", `{"prompt":"a","max_tokens":30000,"ignore_eos":true,"stream":true}`)
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil { // it decodes now
		t.Fatal(err)
	}
	if _, text := s.do("POST", "/reset_prefix_cache", ""); text != `{"success":false}` {
		t.Errorf("busy reset: %s", text)
	}
}

// TestSleep: a sleeping server answers that it sleeps, keeps requests waiting
// and serves them once awake; what ran is aborted.
func TestSleep(t *testing.T) {
	t.Setenv("VLLM_SERVER_DEV_MODE", "1")
	s := serve(t, "--enable-sleep-mode")
	sleeping := func(want string) {
		t.Helper()
		if _, text := s.do("GET", "/is_sleeping", ""); text != `{"is_sleeping":`+want+`}` {
			t.Errorf("is_sleeping: %s, want %s", text, want)
		}
	}
	sleeping("false")
	resp := s.open(t.Context(), "POST", "/v1/completions", `{"prompt":"a","max_tokens":30000,"ignore_eos":true,"stream":true}`)
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	if _, err := body.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if status, text := s.do("POST", "/sleep?level=3", ""); status != 400 {
		t.Errorf("level 3: %d %s", status, text)
	}
	if status, text := s.do("POST", "/sleep?level=2", ""); status != 200 || text != "" {
		t.Fatalf("sleep: %d %s", status, text)
	}
	if rest, err := io.ReadAll(body); err != nil || !strings.Contains(string(rest), `"finish_reason":"abort"`) {
		t.Errorf("the running stream ended with %v, without abort", err)
	}
	sleeping("true")
	_, text := s.do("GET", "/metrics", "")
	for _, want := range []string{`sleep_state="awake"} 0`, `sleep_state="weights_offloaded"} 0`, `sleep_state="discard_all"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	answered := make(chan int, 1)
	go func() {
		status, _ := s.do("POST", "/v1/completions", `{"prompt":"a","max_tokens":2}`)
		answered <- status
	}()
	s.do("POST", "/wake_up?tags=weights", "")
	sleeping("true")
	select {
	case status := <-answered:
		t.Errorf("a half-awake server answered with %d", status)
	default:
	}
	s.do("POST", "/wake_up", "")
	sleeping("false")
	if status := <-answered; status != 200 {
		t.Errorf("after waking: status %d", status)
	}
}

// TestSleepNeedsItsFlag: without --enable-sleep-mode the server stays awake.
func TestSleepNeedsItsFlag(t *testing.T) {
	t.Setenv("VLLM_SERVER_DEV_MODE", "1")
	s := serve(t)
	if status, text := s.do("POST", "/sleep", ""); status != 500 || !strings.Contains(text, "--enable-sleep-mode") {
		t.Errorf("%d %s", status, text)
	}
	if _, text := s.do("GET", "/is_sleeping", ""); text != `{"is_sleeping":false}` {
		t.Errorf("is_sleeping: %s", text)
	}
}

// TestDisconnect: a client that leaves takes its request out of the engine.
func TestDisconnect(t *testing.T) {
	s := serve(t)
	ctx, leave := context.WithCancel(t.Context())
	resp := s.open(ctx, "POST", "/v1/completions", `{"prompt":"a","max_tokens":30000,"ignore_eos":true,"stream":true}`)
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	leave()
	resp.Body.Close()
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, text := s.do("GET", "/metrics", "")
		if strings.Contains(text, `vllm:request_success_total{engine="0",finished_reason="abort",model_name="Qwen/Qwen3-0.6B"} 1`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the request was not aborted\n%s", text)
		}
	}
	if _, text := s.do("GET", "/load", ""); text != `{"server_load":0}` {
		t.Errorf("load %s after the only client left", text)
	}
}

// TestShutdown: the end of ctx ends the server with 0 while a stream is open.
func TestShutdown(t *testing.T) {
	s := serve(t)
	resp := s.open(t.Context(), "POST", "/v1/completions", `{"prompt":"a","max_tokens":30000,"ignore_eos":true,"stream":true}`)
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.out)
	}
	if !strings.Contains(s.out.String(), "Application shutdown complete.") {
		t.Errorf("no farewell\n%s", s.out)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the stream ended as if complete")
	}
}

// TestRequestLog: the file tells the truth about each finished request.
func TestRequestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.jsonl")
	s := serve(t, "--sim-log-requests", path)
	s.do("POST", "/v1/completions", `{"prompt":"one two three","max_tokens":4,"ignore_eos":true}`)
	s.stop()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Arrival, Queued, Scheduled float64
		FirstToken                 float64 `json:"first_token"`
		LastToken                  float64 `json:"last_token"`
		Prompt                     int     `json:"prompt_tokens"`
		Output                     int     `json:"output_tokens"`
		Reason                     string  `json:"finish_reason"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if !(r.Arrival < r.Queued && r.Queued <= r.Scheduled && r.Scheduled < r.FirstToken && r.FirstToken < r.LastToken) || r.Output != 4 || r.Prompt < 3 || r.Reason != "length" {
		t.Errorf("record %s", text)
	}
}
