package loadgen

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
)

// cause says in plain words why no answer came, without the layers of Go's
// network errors around it.
func cause(err error) string {
	var (
		name      *net.DNSError
		op        *net.OpError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "this process may open no more files: raise the limit (ulimit -n)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no port left for a connection: widen net.ipv4.ip_local_port_range"
	case errors.As(err, &name):
		return fmt.Sprintf("cannot resolve host %s", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: nothing listens there"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to it"
	case errors.As(err, &authority):
		return "its certificate is signed by an unknown authority: name the file of its CA"
	case errors.As(err, &hostname):
		return "its certificate is for another name: " + strings.TrimPrefix(hostname.Error(), "x509: ")
	case errors.As(err, &invalid):
		return "its certificate does not hold: " + strings.TrimPrefix(invalid.Error(), "x509: ")
	case errors.As(err, &record):
		return "it does not speak TLS: the address should begin with http://"
	case errors.As(err, &alert):
		return "it ended the TLS handshake: " + strings.TrimPrefix(alert.Error(), "tls: ")
	case strings.Contains(err.Error(), "remote error: tls:"):
		_, why, _ := strings.Cut(err.Error(), "remote error: tls: ")
		return "it ended the TLS handshake: " + why
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "not an HTTP response"):
		return "what answers does not speak HTTP"
	case errors.As(err, &op) && op.Timeout():
		return fmt.Sprintf("no connection within %s", dialTimeout)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection without an answer"
	case errors.As(err, &op):
		return op.Err.Error()
	default:
		return err.Error()
	}
}

// broke says in plain words why a response broke off.
func broke(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the time-out of the request was reached"
	case errors.Is(err, context.Canceled):
		return "the run ended"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the server closed the connection"
	default:
		return cause(err)
	}
}

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// excerptOf is what the body of an unexpected answer says: the message of an
// error object, the title of a page, else its beginning.
func excerptOf(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "�")), " ")
	var object struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &object) == nil {
		var inner struct{ Message string }
		var plain string
		switch {
		case json.Unmarshal(object.Error, &inner) == nil && inner.Message != "":
			return inner.Message
		case json.Unmarshal(object.Error, &plain) == nil && plain != "":
			return plain
		case object.Message != "":
			return object.Message
		case json.Unmarshal(object.Detail, &plain) == nil && plain != "":
			return plain
		}
		return text
	}
	if m := htmlTitle.FindSubmatch(body); m != nil {
		return fmt.Sprintf("a web page titled %q", strings.TrimSpace(html.UnescapeString(string(m[1]))))
	}
	if bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(body)), []byte("<!doctype html")) || bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(body)), []byte("<html")) {
		return "a web page"
	}
	return text
}

// redact takes secrets out of the texts of a result: servers echo them.
func (res *Result) redact(secrets []string) {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for i := range res.Requests {
			if q := &res.Requests[i]; q.Error != "" {
				q.Error = strings.ReplaceAll(q.Error, s, "[redacted]")
			}
		}
		for i := range res.Warnings {
			res.Warnings[i] = res.Warnings[i].Redacted(s)
		}
	}
}
