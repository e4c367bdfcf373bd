package runner

import (
	"fmt"
	"strings"
	"sync"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
)

// origin is what the run measures: the facts of its server, which must stay the
// same. Its lock serializes the writers of one file.
type origin struct {
	mu         sync.Mutex
	dir        *rundir.Dir
	provenance rundir.Provenance
}

func newOrigin(dir *rundir.Dir, p rundir.Provenance) *origin {
	if p.Backend == nil {
		p.Backend = map[string]string{}
	}
	return &origin{dir: dir, provenance: p}
}

// Keys of launch facts and of the provenance's backend facts.
const (
	factImageDigest = "image_digest"
	factImageID     = "image_id"
	factVersion     = "server_version"
)

// same refuses to mix results of two servers: a tag can move, and an
// installation can be upgraded, between two starts or two sessions of one run.
func (o *origin) same(rec *rundir.Start) error {
	now := map[string]string{factImageDigest: rec.Facts[factImageDigest], factVersion: rec.Identity.Version}
	if now[factImageDigest] == "" { // an image built here has no digest of a registry
		now[factImageDigest] = rec.Facts[factImageID]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	changed := false
	for _, fact := range []string{factImageDigest, factVersion} {
		switch known := o.provenance.Backend[fact]; {
		case now[fact] == "" || now[fact] == known:
		case known == "":
			o.provenance.Backend[fact], changed = now[fact], true
		default:
			return fmt.Errorf("%w: the server's %s is now %s; this run measured %s, and results of two servers are not mixed: "+
				"bring the former back or begin a new run", ErrEnvironment, strings.ReplaceAll(fact, "_", " "), now[fact], known)
		}
	}
	// A simulated server is one whatever launched it.
	if launcher.Simulated(rec.Identity.Version) && !o.provenance.Simulated {
		o.provenance.Simulated, changed = true, true
	}
	if !changed {
		return nil
	}
	return o.dir.WriteProvenance(o.provenance)
}
