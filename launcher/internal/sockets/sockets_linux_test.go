package sockets

import (
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestFreePortIsFree(t *testing.T) {
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	if Listening(t.Context(), "127.0.0.1", port) {
		t.Errorf("somebody listens on port %d", port)
	}
}

func TestOwned(t *testing.T) {
	self := func(pid int) bool { return pid == os.Getpid() }
	nobody := func(int) bool { return false }
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("listen on %s: %v", address, err) // no IPv6 here
			continue
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := Owned(port, self); err != nil {
			t.Errorf("%s: own port: %v", address, err)
		}
		if err := Owned(port, nobody); err == nil || !strings.Contains(err.Error(), "another server") {
			t.Errorf("%s: foreign port accepted or not explained: %v", address, err)
		}
		if WaitFree(t.Context(), "127.0.0.1", port, 100*time.Millisecond) {
			t.Errorf("%s: reported free", address)
		}
		l.Close()
		if !WaitFree(t.Context(), "127.0.0.1", port, 10*time.Second) {
			t.Errorf("%s: reported in use after close", address)
		}
		if err := Owned(port, self); err == nil {
			t.Errorf("%s: nothing listens, yet owned", address)
		}
	}
}

func TestOtherInterfacesDoNotCount(t *testing.T) {
	for address, want := range map[string]bool{
		"0100007F:1F90":                         true,
		"00000000:1F90":                         true,
		"0200A8C0:1F90":                         false, // 192.168.0.2
		"00000000000000000000000000000000:1F90": true,
		"0000000000000000FFFF00000100007F:1F90": true,
		"00000000000000000000000001000000:1F90": false, // ::1
	} {
		if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
			t.Skip("the table is in host byte order")
		}
		a, ok := parseAddress(address)
		if !ok || a.Port() != 8080 {
			t.Fatalf("%s: got %v, %v", address, a, ok)
		}
		if got := reachesLoopback(a.Addr()); got != want {
			t.Errorf("%s (%s): got %v, want %v", address, a, got, want)
		}
	}
}
