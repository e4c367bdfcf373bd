//go:build unix

package loadgen

import (
	"slices"
	"syscall"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
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
		want := notice.New("client-no-connection", notice.Args{
			"n": notice.Count(2), "error": notice.Text("this process may open no more files: raise the limit (ulimit -n)"),
		})
		if !slices.ContainsFunc(res.Invalid, want.Equal) {
			t.Errorf("%s: invalid %q, classes %v, %s", over, res.Invalid, classes(res), res.Requests[0].Error)
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
