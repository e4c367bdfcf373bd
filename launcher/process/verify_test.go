package process

import (
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
)

// A server that hangs is given up when its log has been silent for long
// enough, however much of the ready time-out is left.
func TestSilentStart(t *testing.T) {
	s := launchertest.Spec(t, "hang")
	s.ReadyTimeout, s.SilenceTimeout = time.Hour, 300*time.Millisecond
	_, err := start(t, s)
	f := launchertest.Failure(t, err, launcher.ClassSilent)
	if !strings.Contains(f.Diagnosis.Cause.Text(), "while the server was loading weights") {
		t.Errorf("cause %q", f.Diagnosis.Cause.Text())
	}
	gone(t, s)
}

// A server that runs with another length than was asked for is not measured.
func TestAFlagThatWasNotApplied(t *testing.T) {
	s := launchertest.Spec(t, "serve")
	s.Asked = map[string]string{"max-model-len": "99"}
	_, err := start(t, s)
	f := launchertest.Failure(t, err, launcher.ClassNotApplied)
	if !strings.Contains(f.Diagnosis.Cause.Text(), "max-model-len 99 was requested, but 4096 is in effect") || f.Effective == nil {
		t.Errorf("cause %q, effective %+v", f.Diagnosis.Cause.Text(), f.Effective)
	}
	gone(t, s)
}

func TestAFlagThatWasApplied(t *testing.T) {
	s := launchertest.Spec(t, "serve")
	s.Asked = map[string]string{"max-model-len": "4096", "watermark": "0.1"}
	srv, err := start(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if e := srv.Effective; e == nil || e.Values["max-model-len"] != "4096" || len(e.Unconfirmed) != 1 || e.Unconfirmed[0] != "watermark" {
		t.Errorf("effective %+v", e)
	}
}
