package loadgen

import (
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/wire"
)

// endless is a response body of the same event again and again.
type endless struct{ event []byte }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.event), nil }

// The path of a token from the read to its record allocates nothing: the gaps
// were made room for when the first token came.
func TestHotPathAllocatesNothing(t *testing.T) {
	body := endless{[]byte(`data: {"id":"cmpl-1","object":"text_completion","choices":[{"index":0,"text":" a","finish_reason":null}],"usage":null}` + "\n\n")}
	c := &client{start: time.Now()}
	c.readLags.on.Store(true)
	s := overWire{response: &response{client: c, rec: &Request{OutputAsked: 1 << 15}}}
	buf := make([]byte, scratch)
	token := func() {
		n, _ := body.Read(buf)
		now := c.now()
		if err := s.Body(buf[:n], wire.Arrival{Received: now, Returned: now}); err != nil {
			t.Fatal(err)
		}
	}
	token()
	if n := testing.AllocsPerRun(1000, token); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
	if s.rec.Chunks < 1000 {
		t.Errorf("%d chunks", s.rec.Chunks)
	}
}
