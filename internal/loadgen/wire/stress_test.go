//go:build linux && (amd64 || arm64)

package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// answer keeps the body of one answer.
type answer struct {
	status int
	text   strings.Builder
	over   atomic.Bool
	late   *atomic.Int32 // calls after Do had returned
}

func (e *answer) Head(h Head) {
	e.status = h.Status
	e.check()
}

func (e *answer) Body(p []byte, _ Arrival) error {
	e.text.Write(p)
	e.check()
	return nil
}

func (e *answer) check() {
	if e.over.Load() {
		e.late.Add(1)
	}
}

// Thousands of short exchanges, on connections that are kept, closed by the
// server with and without a word, and given up by the client in every state:
// each answer belongs to its request, none is waited for in vain, and no
// descriptor is left.
func TestManyShortConnections(t *testing.T) {
	const workers, each = 64, 60
	before := descriptors(t)
	t.Run("load", func(t *testing.T) { shortConnections(t, workers, each) })
	// Other tests' servers may still be closing theirs.
	for after, deadline := descriptors(t), time.After(5*time.Second); after > before; after = descriptors(t) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d descriptors before, %d after", before, after)
		}
	}
}

func shortConnections(t *testing.T, workers, each int) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n, _ := strconv.Atoi(string(body))
		switch n % 8 {
		case 1:
			w.Header().Set("Connection", "close")
		case 2: // closes without a word, after the answer
			conn, out, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			out.Flush()
			conn.Close()
			return
		case 3: // in several writes, more than the reader's buffer
			for range 3 {
				io.WriteString(w, strings.Repeat(" ", readSize/2))
				w.(http.Flusher).Flush()
			}
		}
		w.Write(body)
	})
	var wg sync.WaitGroup
	var late, done, resent, given atomic.Int32
	for worker := range workers {
		r := rand.New(rand.NewPCG(1, uint64(worker)))
		wg.Go(func() {
			for i := range each {
				n := worker*each + i
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				impatient := r.IntN(10) == 0
				if impatient {
					cancel()
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(r.IntN(300))*time.Microsecond)
				}
				h := &answer{late: &late}
				trip, err := c.Do(ctx, request([]byte(strconv.Itoa(n))), h)
				h.over.Store(true)
				cancel()
				if trip.Resent {
					resent.Add(1)
				}
				switch {
				case err == nil && (h.status != 200 || strings.TrimSpace(h.text.String()) != strconv.Itoa(n)):
					t.Errorf("request %d: status %d, %.40q", n, h.status, strings.TrimSpace(h.text.String()))
				case err == nil:
					done.Add(1)
				case errors.Is(err, context.DeadlineExceeded) && !impatient:
					t.Errorf("request %d was never answered", n)
				case impatient:
					given.Add(1)
				default: // the server closed a connection as the request was on its way
					t.Errorf("request %d: %v, resent %v", n, err, trip.Resent)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d answered, %d given up, %d sent twice", done.Load(), given.Load(), resent.Load())
	if late.Load() > 0 {
		t.Errorf("handlers were called %d times after Do had returned", late.Load())
	}
	if n := int(done.Load() + given.Load()); n != workers*each {
		t.Errorf("%d of %d accounted for", n, workers*each)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}
