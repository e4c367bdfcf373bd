package experiment

import "os"

func tlsSection() section[TLS] {
	return section[TLS]{
		fields: []field[TLS]{
			bind("ca", "Certificates to trust (PEM). The path is relative to the experiment file.", file(), func(t *TLS) *string { return &t.CA }),
			bind("skip_verify", "Do not verify the server's certificate. Default: false.", boolean(), func(t *TLS) *bool { return &t.SkipVerify }),
			bind("certificate", "Client certificate (PEM).", file(), func(t *TLS) *string { return &t.Certificate }),
			bind("key", "Private key of the client certificate (PEM). Not needed if it is in the same file.", file(), func(t *TLS) *string { return &t.Key }),
		},
		check: func(d *decoder, path string, e entry, t *TLS) {
			for name, file := range map[string]string{"ca": t.CA, "certificate": t.Certificate, "key": t.Key} {
				if file == "" {
					continue
				}
				if _, err := os.Stat(file); err != nil {
					at, _ := e.value.get(name)
					d.fail("file-missing", at.place(), args{"path": join(path, name)})
				}
			}
			if key, given := e.value.get("key"); given && t.Certificate == "" {
				d.fail("certificate-missing", key.key.at, args{"path": path})
			}
		},
	}
}
