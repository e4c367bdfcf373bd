package openaitest

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

const model = "Qwen/Qwen3-0.6B"

var address = regexp.MustCompile(`Starting vLLM server on (http://\S+)`)

// start builds and starts the simulated server and returns a client of it.
func start(t *testing.T, args ...string) openai.Client {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "vllm-sim")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "cmd", "vllm-sim")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, text)
	}
	server := exec.CommandContext(t.Context(), binary, append([]string{"serve", model, "--host", "127.0.0.1", "--port", "0", "--sim-startup", "0", "--sim-speedup", "20", "--sim-seed", "1"}, args...)...)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	url, complete := "", false
	lines := bufio.NewScanner(stdout)
	for !complete && lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
		complete = strings.Contains(lines.Text(), "Application startup complete.")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() { // keeps the pipe empty
		}
	}()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-drained
		_ = server.Wait() // killed
	})
	if !complete {
		t.Fatal("the server ended before it was ready")
	}
	return openai.NewClient(option.WithBaseURL(url+"/v1/"), option.WithAPIKey("unused"), option.WithMaxRetries(0))
}

func chat(tokens int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:     model,
		Messages:  []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage("Why measure twice?")},
		MaxTokens: openai.Int(tokens),
	}
}

// ignoreEOS is vLLM's own parameter: generate up to max_tokens.
func ignoreEOS() option.RequestOption { return option.WithJSONSet("ignore_eos", true) }

func TestModels(t *testing.T) {
	c := start(t)
	page, err := c.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 1 || page.Data[0].ID != model || page.Data[0].OwnedBy != "vllm" {
		t.Errorf("models %+v", page.Data)
	}
}

func TestChat(t *testing.T) {
	c := start(t)
	got, err := c.Chat.Completions.New(t.Context(), chat(9), ignoreEOS())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Choices) != 1 || got.Choices[0].FinishReason != "length" || got.Choices[0].Message.Content == "" {
		t.Errorf("choices %+v", got.Choices)
	}
	if got.Usage.CompletionTokens != 9 || got.Usage.TotalTokens != got.Usage.PromptTokens+9 || got.Model != model {
		t.Errorf("model %s, usage %+v", got.Model, got.Usage)
	}
}

func TestChatStream(t *testing.T) {
	c := start(t)
	params := chat(9)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), params, ignoreEOS())
	whole := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !whole.AddChunk(stream.Current()) {
			t.Fatalf("chunk %+v does not continue the answer", stream.Current())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(whole.Choices) != 1 || whole.Choices[0].FinishReason != "length" || whole.Choices[0].Message.Role != "assistant" {
		t.Errorf("choices %+v", whole.Choices)
	}
	if whole.Usage.CompletionTokens != 9 || strings.Count(whole.Choices[0].Message.Content, " ") != 9 {
		t.Errorf("usage %+v for %q", whole.Usage, whole.Choices[0].Message.Content)
	}
}

func TestCompletion(t *testing.T) {
	c := start(t)
	params := openai.CompletionNewParams{
		Model: model, Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("one two")}, MaxTokens: openai.Int(6),
	}
	got, err := c.Completions.New(t.Context(), params, ignoreEOS())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Choices) != 1 || got.Usage.CompletionTokens != 6 {
		t.Errorf("answer %+v", got)
	}
	stream := c.Completions.NewStreaming(t.Context(), params, ignoreEOS())
	text := ""
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text += choice.Text
		}
	}
	if err := stream.Err(); err != nil || strings.Count(text, " ") != 6 {
		t.Errorf("streamed %q, error %v", text, err)
	}
}

// TestErrors: the client recognises refusals, and an error inside a stream.
func TestErrors(t *testing.T) {
	c := start(t, "--sim-fault", "error-in-stream=2")
	params := chat(9)
	params.Model = "other"
	_, err := c.Chat.Completions.New(t.Context(), params)
	var refused *openai.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound || !strings.Contains(refused.Message, "The model `other` does not exist.") {
		t.Errorf("error %v, want 404", err)
	}
	stream := c.Chat.Completions.NewStreaming(t.Context(), chat(9), ignoreEOS())
	for stream.Next() {
	}
	if err := stream.Err(); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a stream that breaks half-way ends with error %v", err)
	}
}
