package launcher

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

// nonceWait is how long the log may lag behind the answer.
const nonceWait = 2 * time.Second

// proveByLog identifies a server whose port cannot be looked at, because it
// is on another machine: a word that only we know is put into a question, and
// must turn up in the log of the container that we started. Servers that log
// no questions prove nothing by that, and nothing is held against them.
func (p prober) proveByLog(ctx context.Context) (owner string) {
	if p.spec.LogPath == "" {
		return ""
	}
	nonce := rand.Text()
	if _, err := p.get(ctx, "/v1/models?sweep="+nonce, p.spec.APIKey); err != nil {
		return ""
	}
	found := false
	log := serverlog.NewTail(p.spec.LogPath)
	for began := time.Now(); time.Since(began) < nonceWait && wait.For(ctx, phasePoll) == nil; {
		_ = log.Lines(func(line string) { found = found || strings.Contains(line, nonce) })
		if found {
			return p.h.ID() + ", by a nonce in its log"
		}
	}
	return ""
}
