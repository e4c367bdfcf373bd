package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// apiError is an answer in the OpenAI error format.
type apiError struct {
	Status  int
	Type    string
	Param   string
	Message string
}

func (e *apiError) body() map[string]any {
	var param any
	if e.Param != "" {
		param = e.Param
	}
	return map[string]any{"error": map[string]any{"message": e.Message, "type": e.Type, "param": param, "code": e.Status}}
}

func (e *apiError) write(w http.ResponseWriter) { writeJSON(w, e.Status, e.body()) }

func badRequest(format string, args ...any) *apiError {
	return &apiError{Status: 400, Type: "BadRequestError", Message: fmt.Sprintf(format, args...)}
}

func modelMissing(name string) *apiError {
	return &apiError{Status: 404, Type: "NotFoundError", Param: "model", Message: fmt.Sprintf("The model `%s` does not exist.", name)}
}

// engineError is what clients see of a dead engine.
func engineError() *apiError {
	return &apiError{Status: 500, Type: "InternalServerError", Message: "EngineCore encountered an issue. See stack trace (above) for the root cause."}
}

// tooLong is the context length error of vllm/renderers/params.py.
func tooLong(limit, prompt, output int) *apiError {
	return &apiError{Status: 400, Type: "BadRequestError", Param: "input_tokens", Message: fmt.Sprintf(
		"This model's maximum context length is %d tokens. However, you requested %d output tokens and your prompt contains %d input tokens, for a total of %d tokens. Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_tokens, value=%d)",
		limit, output, prompt, prompt+output, prompt)}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // bodies are maps of plain values
		status, text = 500, []byte(`{"error":{"message":"encode the answer"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
