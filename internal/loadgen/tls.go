package loadgen

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLSFiles name what a server over TLS is verified by, and what this side shows
// it. Empty fields: the system's trust, no client certificate.
type TLSFiles struct {
	CA          string // certificates to trust, PEM
	SkipVerify  bool   // do not verify the server's certificate
	Certificate string // of this side, PEM
	Key         string // its private key, PEM; empty: in the same file
}

// Load reads the files; nil where none is named.
func (f TLSFiles) Load() (*tls.Config, error) {
	if f == (TLSFiles{}) {
		return nil, nil
	}
	c := &tls.Config{InsecureSkipVerify: f.SkipVerify} // only where it is asked for
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("read the CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the CA: %s holds no certificate in PEM form", f.CA)
		}
	}
	if f.Certificate != "" {
		key := f.Key
		if key == "" {
			key = f.Certificate
		}
		pair, err := tls.LoadX509KeyPair(f.Certificate, key)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
