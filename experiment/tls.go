package experiment

import "os"

func tlsSection() section[TLS] {
	return section[TLS]{
		fields: []field[TLS]{
			bind("ca", "Certificates to trust, PEM; relative to the experiment file.", file(), func(t *TLS) *string { return &t.CA }),
			bind("skip_verify", "Do not verify the server's certificate; false.", boolean(), func(t *TLS) *bool { return &t.SkipVerify }),
			bind("certificate", "Client certificate, PEM.", file(), func(t *TLS) *string { return &t.Certificate }),
			bind("key", "Its private key, PEM; not needed when it is in the same file.", file(), func(t *TLS) *string { return &t.Key }),
		},
		check: func(d *decoder, path string, e entry, t *TLS) {
			for name, file := range map[string]string{"ca": t.CA, "certificate": t.Certificate, "key": t.Key} {
				if file == "" {
					continue
				}
				if _, err := os.Stat(file); err != nil {
					at, _ := e.value.get(name)
					d.fail(at.place(), "no such file", "%s.%s cannot be read", path, name).Help = "paths are relative to the experiment file"
				}
			}
			if key, given := e.value.get("key"); given && t.Certificate == "" {
				d.fail(key.key.at, "without a certificate", "%s.key belongs to a certificate", path)
			}
		},
	}
}
