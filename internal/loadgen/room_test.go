//go:build unix

package loadgen

import (
	"strings"
	"syscall"
	"testing"

	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
)

// A connection that this machine could not make says nothing of the server.
func TestOwnFaultIsTheClients(t *testing.T) {
	s := start(t, mock.Options{})
	cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
	cfg.Requests = 2
	for _, over := range []string{"wire", "net/http"} {
		r, err := prepare(t.Context(), &cfg)
		if err != nil {
			t.Fatal(err)
		}
		if over != "wire" && r.client.wire != nil {
			r.client.wire.Close()
			r.client.wire = nil
		}
		withoutFiles(t, func() { r.drive(t.Context()) })
		res := r.result()
		r.client.close()
		if got := strings.Join(res.Invalid, "\n"); !strings.Contains(got, "no connection for 2 requests: this process may open no more files") {
			t.Errorf("%s: invalid %q, classes %v, %s", over, got, classes(res), res.Requests[0].Error)
		}
	}
}

// withoutFiles runs f while no further file can be opened.
func withoutFiles(t *testing.T, f func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Skip("the limit cannot be lowered: ", err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}
