package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

const (
	// maxHead bounds the header of a response, maxLine the line before a chunk.
	maxHead = 64 << 10
	maxLine = 4 << 10
)

// Faults of a response's frame.
var (
	errHead  = fmt.Errorf("the header of the response has over %d bytes", maxHead)
	errChunk = errors.New("malformed chunk in the response")
)

// Head is the beginning of a response.
type Head struct {
	Status int    // code
	Text   string // code and phrase
	Header http.Header
}

// states of a response
const (
	inHead = iota
	inBody // left bytes follow, or all until the end of the connection
	inSize // the line with a chunk's size
	inChunk
	afterChunk // the line end behind a chunk
	inTrailer
	atEnd
)

// response takes a response apart as it comes (RFC 9112). The zero value
// expects a status line.
type response struct {
	state  int
	partly []byte // of a head or a line, the beginning
	left   int64  // bytes of the body or chunk still to come; -1: all until the end
	last   bool   // the server closes the connection after it
}

// untilEOF reports a body whose end is that of the connection.
func (r *response) untilEOF() bool { return r.state == inBody && r.left < 0 }

// feed handles the next bytes. rest are those behind the end of the response.
func (r *response) feed(p []byte, at Arrival, h Handler, l *loop) (rest []byte, done bool, err error) {
	for len(p) > 0 && r.state != atEnd {
		switch r.state {
		case inHead:
			p, err = r.head(p, h, l)
		case inBody, inChunk:
			p, err = r.body(p, at, h)
		default:
			p, err = r.line(p)
		}
		if err != nil {
			return nil, false, err
		}
	}
	return p, r.state == atEnd, nil
}

// head collects the header until its empty line and reads it.
func (r *response) head(p []byte, h Handler, l *loop) ([]byte, error) {
	from := max(0, len(r.partly)-3)
	r.partly = append(r.partly, p...)
	end := endOfHead(r.partly, from)
	if end > maxHead || end < 0 && len(r.partly) > maxHead {
		return nil, errHead
	}
	if end < 0 {
		return nil, nil
	}
	p = p[len(p)-(len(r.partly)-end):]
	resp, err := l.heads.read(r.partly[:end])
	r.partly = r.partly[:0]
	if err != nil {
		return nil, fmt.Errorf("not an HTTP response: %w", err)
	}
	switch {
	case resp.StatusCode < 100:
		return nil, fmt.Errorf("not an HTTP response: status %q", resp.Status)
	case resp.StatusCode < 200: // information only: the response is still to come
		return p, nil
	}
	r.last = resp.Close
	switch {
	case len(resp.TransferEncoding) > 0:
		r.state = inSize
	case resp.ContentLength == 0:
		r.state = atEnd
	default:
		r.state, r.left = inBody, resp.ContentLength
		r.last = r.last || r.left < 0
	}
	h.Head(Head{Status: resp.StatusCode, Text: resp.Status, Header: resp.Header})
	return p, nil
}

// endOfHead is the index behind the empty line that ends a header, or -1.
func endOfHead(b []byte, from int) int {
	for i := from; i < len(b); {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return -1
		}
		i += n + 1
		if i < len(b) && b[i] == '\n' {
			return i + 1
		}
		if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
			return i + 2
		}
	}
	return -1
}

func (r *response) body(p []byte, at Arrival, h Handler) ([]byte, error) {
	some := p
	if r.left >= 0 && int64(len(p)) > r.left {
		some = p[:r.left]
	}
	if r.left >= 0 {
		r.left -= int64(len(some))
	}
	if r.left == 0 {
		if r.state == inChunk {
			r.state = afterChunk
		} else {
			r.state = atEnd
		}
	}
	return p[len(some):], h.Body(some, at)
}

// line reads what stands between chunks: a line at a time.
func (r *response) line(p []byte) ([]byte, error) {
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		r.partly = append(r.partly, p...)
		if len(r.partly) > maxLine {
			return nil, errChunk
		}
		return nil, nil
	}
	line := p[:n]
	if len(r.partly) > 0 {
		line = append(r.partly, line...)
		r.partly = line[:0]
	}
	if len(line) > maxLine {
		return nil, errChunk
	}
	line = bytes.TrimRight(line, " \t\r")
	switch r.state {
	case inSize:
		size, ok := chunkSize(line)
		if !ok {
			return nil, fmt.Errorf("%w: %.40q instead of its size", errChunk, line)
		}
		r.left, r.state = size, inChunk
		if size == 0 {
			r.state = inTrailer
		}
	case afterChunk:
		if len(line) > 0 {
			return nil, fmt.Errorf("%w: %.40q behind it", errChunk, line)
		}
		r.state = inSize
	case inTrailer:
		if len(line) == 0 {
			r.state = atEnd
		}
	}
	return p[n+1:], nil
}

// chunkSize reads the hexadecimal size of a chunk; extensions behind a
// semicolon are passed over.
func chunkSize(line []byte) (int64, bool) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = bytes.TrimRight(line[:i], " \t")
	}
	if len(line) == 0 || line[0] == '+' || line[0] == '-' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(line), 16, 63)
	return n, err == nil
}

// heads reads headers. The loop keeps one, since it reads one at a time.
type heads struct {
	bytes  bytes.Reader
	reader *bufio.Reader
}

func (h *heads) read(b []byte) (*http.Response, error) {
	h.bytes.Reset(b)
	if h.reader == nil {
		h.reader = bufio.NewReader(&h.bytes)
	}
	h.reader.Reset(&h.bytes)
	return http.ReadResponse(h.reader, &http.Request{Method: http.MethodPost})
}
