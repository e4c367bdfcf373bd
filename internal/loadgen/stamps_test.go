package loadgen

import (
	"crypto/tls"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

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
	if !notice.Has(res.Warnings, "no-kernel-timestamps") {
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
