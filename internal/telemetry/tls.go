package telemetry

import (
	"crypto/tls"
	"net/http"
)

// Trust says how the engine's server is verified over TLS; nil: by the system's
// trust.
func (m *Monitor) Trust(c *tls.Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: c}}
}
