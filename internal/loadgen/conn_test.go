package loadgen

import (
	"crypto/tls"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
)

// pipe is a TCP connection on loopback with a timedConn at one end.
func pipe(t *testing.T, stamps bool) (client *timedConn, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dialTimed(&net.Dialer{}, stamps, func(why error) { t.Skip("no kernel time stamps: ", why) })(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); server.Close() })
	return c.(*timedConn), server
}

// waitForStamps lasts until the kernel stamps: it begins to a moment after the
// first socket has asked.
func waitForStamps(t *testing.T) {
	t.Helper()
	c, server := pipe(t, true)
	for range 1000 {
		if _, err := server.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if c.stamped.Load() {
			return
		}
	}
	t.Fatal("no read was stamped")
}

// A reader that comes late must not make the bytes look late: with kernel
// stamps the arrival is the time of the write, and the lag is known.
func TestLateRead(t *testing.T) {
	const late = 50 * time.Millisecond
	waitForStamps(t)
	for _, stamps := range []bool{true, false} {
		c, server := pipe(t, stamps)
		before := time.Since(c.base)
		if _, err := io.WriteString(server, "hello"); err != nil {
			t.Fatal(err)
		}
		after := time.Since(c.base)
		<-time.After(late) // the reader is busy
		var buf [64]byte
		n, err := c.Read(buf[:])
		if n != 5 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		received, returned := time.Duration(c.received.Load()), time.Duration(c.returned.Load())
		if returned < after+late {
			t.Errorf("read returned at %s, not before %s", returned, after+late)
		}
		// Loopback delivers within the write; 5 ms are left for other processes
		// between the call and its return.
		if stamps && (!c.stamped.Load() || received < before-time.Millisecond || received > after+5*time.Millisecond) {
			t.Errorf("arrived at %s (stamped %v), was written between %s and %s", received, c.stamped.Load(), before, after)
		}
		if !stamps && (c.stamped.Load() || received != returned) {
			t.Errorf("arrival %s of a read at %s, without stamps", received, returned)
		}
	}
}

// The wrapper must behave as a connection: partial reads, end, deadline, close.
func TestTimedConn(t *testing.T) {
	c, server := pipe(t, true)
	if _, err := io.WriteString(server, "hello"); err != nil {
		t.Fatal(err)
	}
	var buf [3]byte
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("empty read: %d, %v", n, err)
	}
	for _, want := range []string{"hel", "lo"} {
		if n, err := c.Read(buf[:]); string(buf[:n]) != want || err != nil {
			t.Errorf("%q, %v; want %q", buf[:n], err, want)
		}
	}
	c.SetReadDeadline(time.Now())
	if _, err := c.Read(buf[:]); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("after the deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	server.Close()
	if n, err := c.Read(buf[:]); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	c.Close()
	if _, err := c.Read(buf[:]); err == nil {
		t.Error("a closed connection was read")
	}
}

func TestStampsOfARun(t *testing.T) {
	s := start(t, mock.Options{TTFT: 10 * time.Millisecond, ITL: 2 * time.Millisecond})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 4})
	c.Warmup, c.Duration = 100*time.Millisecond, 500*time.Millisecond
	r := mustRun(t, c)
	if runtime.GOOS == "linux" && (r.Client.StampSource != StampKernel || r.Client.ReadLagP99 <= 0 || r.Client.ReadLagP99 < r.Client.ReadLagP50) {
		t.Errorf("%+v", r.Client)
	}
}

// Over TLS the stamps are the reader's, and the result says so.
func TestTLSIsUserSpace(t *testing.T) {
	plain := start(t, mock.Options{TTFT: 10 * time.Millisecond, ITL: 2 * time.Millisecond})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := http.Post(plain.URL+r.URL.Path, "application/json", r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		io.Copy(w, resp.Body)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the probe of the port ends without a handshake
	s.StartTLS()
	defer s.Close()
	cfg := config(&mock.Server{URL: s.URL}, Arrivals{Kind: Concurrency, Concurrency: 2})
	cfg.Warmup, cfg.Duration = 50*time.Millisecond, 200*time.Millisecond
	r, err := prepare(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.client.transport.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	r.drive(t.Context())
	r.client.transport.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	res := r.result()
	if got := classes(res); got[ClassOK] == 0 {
		t.Fatalf("classes %v", got)
	}
	if res.Client.StampSource != StampUser || res.Client.ReadLagP99 != 0 || res.Client.Stamped != 0 {
		t.Errorf("%+v", res.Client)
	}
	if !slices.ContainsFunc(res.Warnings, func(w string) bool { return strings.HasPrefix(w, "no kernel time stamps: ") }) {
		t.Errorf("warnings %q", res.Warnings)
	}
}

// Without kernel stamps a late reader makes the trial invalid; with them the
// same lag is information.
func TestReadLagGate(t *testing.T) {
	r := &run{cfg: &Config{Arrivals: Arrivals{Kind: Concurrency, Concurrency: 1}, Requests: 1}, client: &client{}}
	for source, want := range map[string]int{StampUser: 1, StampKernel: 0} {
		res := handmade()
		res.Client = Client{StampSource: source, SchedLagP99: 2 * time.Millisecond}
		if r.judge(res); len(res.Invalid) != want {
			t.Errorf("%s: invalid %q, want %d reasons", source, res.Invalid, want)
		}
	}
}

func TestLags(t *testing.T) {
	var l lags
	l.add(time.Second, true)
	if l.quantile(0.5) != 0 || l.share() != 0 {
		t.Error("counted while off")
	}
	l.on.Store(true)
	var exact []time.Duration
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		d := time.Duration(r.ExpFloat64() * 1e6)
		exact = append(exact, d)
		l.add(d, i%4 > 0)
	}
	slices.Sort(exact)
	for _, p := range []float64{0.01, 0.5, 0.99, 1} {
		want := exact[max(0, int(p*10_000)-1)]
		if got := l.quantile(p); got < want || float64(got) > float64(want)*(1+1.0/lagSteps)+2 {
			t.Errorf("quantile %v is %s, exactly %s", p, got, want)
		}
	}
	if l.share() != 0.75 {
		t.Errorf("share %v", l.share())
	}
	l.add(-1, false) // must not panic
	l.add(1<<62, false)
}
