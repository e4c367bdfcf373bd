package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// tape is a Handler that keeps what it is given.
type tape struct {
	head  Head
	heads int
	body  []byte
	fail  error
}

func (t *tape) Head(h Head) { t.head, t.heads = h, t.heads+1 }

func (t *tape) Body(p []byte, _ Arrival) error {
	t.body = append(t.body, p...)
	return t.fail
}

// play feeds a response in pieces of the given size and then its end.
func play(in []byte, size int) (t *tape, rest []byte, whole bool, err error) {
	t = &tape{}
	var r response
	l := &loop{}
	for len(in) > 0 {
		n := min(size, len(in))
		rest, done, err := r.feed(in[:n], Arrival{}, t, l)
		if err != nil {
			return t, nil, false, err
		}
		if in = in[n:]; done {
			return t, append(bytes.Clone(rest), in...), true, nil
		}
	}
	return t, nil, r.untilEOF(), nil
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

var responses = map[string]string{
	"chunked":            streamHead + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
	"chunk of one":       streamHead + "1\r\na\r\n0\r\n\r\n",
	"no chunk":           streamHead + "0\r\n\r\n",
	"extension, trailer": streamHead + "5;a=b\r\nhello\r\n0;x\r\nTrailer: 1\r\nOther: 2\r\n\r\n",
	"upper-case size":    streamHead + "A\r\n0123456789\r\n0\r\n\r\n",
	"length":             "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
	"length 0":           "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
	"no content":         "HTTP/1.1 204 No Content\r\n\r\n",
	"until the end":      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it\r\n\r\n",
	"HTTP/1.0":           "HTTP/1.0 200 OK\r\n\r\nold",
	"information first":  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + streamHead + "2\r\nok\r\n0\r\n\r\n",
	"bare line feeds":    "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
}

// A response reads the same however it is cut, and as net/http reads it.
func TestResponses(t *testing.T) {
	for name, in := range responses {
		t.Run(name, func(t *testing.T) {
			want, wantBody := oracle(t, in)
			for size := 1; size <= len(in); size++ {
				got, rest, whole, err := play([]byte(in), size)
				if err != nil || !whole || len(rest) > 0 || got.heads != 1 {
					t.Fatalf("in pieces of %d: whole %v, rest %q, %d heads, %v", size, whole, rest, got.heads, err)
				}
				if got.head.Status != want.StatusCode || got.head.Text != want.Status || got.head.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
					t.Errorf("in pieces of %d: %+v", size, got.head)
				}
				if string(got.body) != wantBody {
					t.Errorf("in pieces of %d: body %q, want %q", size, got.body, wantBody)
				}
			}
			if _, rest, whole, err := play([]byte(in+"HTTP/1.1"), 7); whole && err == nil && !strings.HasPrefix(name, "until") && name != "HTTP/1.0" && string(rest) != "HTTP/1.1" {
				t.Errorf("what follows is not left over: %q", rest)
			}
		})
	}
}

// oracle is the response as net/http reads it.
func oracle(t *testing.T, in string) (*http.Response, string) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(in))
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodPost})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode >= 200 {
			return resp, string(body)
		}
	}
}

func TestMalformedResponses(t *testing.T) {
	for name, in := range map[string]string{
		"no HTTP":         "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"header too long": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead) + "\r\n\r\n",
		"header no end":   strings.Repeat("x", maxHead+2),
		"bad size":        streamHead + "xyz\r\n",
		"negative size":   streamHead + "-1\r\n",
		"huge size":       streamHead + "fffffffffffffffff\r\n",
		"empty size":      streamHead + "\r\n",
		"long line":       streamHead + strings.Repeat("1", maxLine+10),
		"behind a chunk":  streamHead + "2\r\nokbad\r\n",
	} {
		for _, size := range []int{1, 7, len(in)} {
			if _, _, whole, err := play([]byte(in), size); err == nil {
				t.Errorf("%s in pieces of %d: accepted, whole %v", name, size, whole)
			}
		}
	}
	handlers := errors.New("enough")
	r, tp := response{}, &tape{fail: handlers}
	if _, _, err := r.feed([]byte(responses["chunked"]), Arrival{}, tp, &loop{}); !errors.Is(err, handlers) || string(tp.body) != "hello" {
		t.Errorf("%v after %q, want the handler's error after the first chunk", err, tp.body)
	}
}

// The decoder agrees with net/http on whatever that accepts, and never depends
// on how the bytes were cut.
func FuzzResponse(f *testing.F) {
	for _, in := range responses {
		f.Add([]byte(in), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		a, restA, wholeA, errA := play(in, int(size)+1)
		b, restB, wholeB, errB := play(in, len(in)+1)
		same := wholeA == wholeB && (errA == nil) == (errB == nil) && a.heads == b.heads
		if errA == nil {
			same = same && bytes.Equal(a.body, b.body) && bytes.Equal(restA, restB)
		}
		if !same {
			t.Fatalf("cut by %d: %v %v %q, at once: %v %v %q", int(size)+1, wholeA, errA, a.body, wholeB, errB, b.body)
		}
		if errA != nil || !wholeA || a.heads != 1 {
			return
		}
		r := bufio.NewReader(bytes.NewReader(in))
		for {
			resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodPost})
			if err != nil {
				t.Fatalf("accepted what net/http refuses: %v", err)
			}
			if resp.StatusCode < 200 {
				continue
			}
			body, err := io.ReadAll(resp.Body)
			if err == nil && fmt.Sprintf("%d %q", resp.StatusCode, body) != fmt.Sprintf("%d %q", a.head.Status, a.body) {
				t.Fatalf("%d %q, net/http %d %q", a.head.Status, a.body, resp.StatusCode, body)
			}
			return
		}
	})
}
