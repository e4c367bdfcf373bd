package launcher

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// at is a Handle that only has an address.
type at struct {
	Handle
	url string
}

func (a at) BaseURL() string { return a.url }

// vLLM answers /server_info with 500 where its environment has no pip: that is
// noted with its words, and what else tells the configuration is used.
func TestAServerThatCannotTellItsConfiguration(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			fmt.Fprint(w, "16")
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":{"message":"'NoneType' object has no attribute 'splitlines', hf_secret","type":"InternalServerError","code":500}}`)
	}))
	defer s.Close()
	engine := &Engine{Settings: func(ctx context.Context, get Getter) Told {
		get(ctx, "/server_info?config_format=json")
		body, _ := get(ctx, "/metrics")
		return Told{Values: map[string]string{"block-size": string(body)}, Source: "/metrics"}
	}}
	e, _ := effective(t.Context(), at{url: s.URL}, Spec{Engine: engine, Secrets: []string{"hf_secret"}}, Identity{}, PhaseReader(nil))
	if want := "/server_info answered 500: 'NoneType' object has no attribute 'splitlines', [redacted]"; e == nil || e.Refused != want || e.Values["block-size"] != "16" {
		t.Errorf("%+v, want refused %q", e, want)
	}
}
