package loadgen

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fault of our own reader fails the request that met it, and says so.
func TestAReaderThatPanicsFailsItsRequest(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: [DONE]\n\n")
	}))
	defer srv.Close()
	c, err := newClient(&Config{BaseURL: srv.URL, Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.peer, c.start = srv.Listener.Addr().String(), time.Now()
	c.buffers = sync.Pool{New: func() any { return "not a buffer" }}
	var rec Request
	c.do(t.Context(), &job{body: []byte("{}")}, &rec)
	if rec.Class != ClassProtocol || !strings.HasPrefix(rec.Error, "read the server's answer: sweep itself failed on it (") || rec.End == 0 {
		t.Errorf("%+v", rec)
	}
}
