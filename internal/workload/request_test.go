package workload

import "testing"

func TestCheckField(t *testing.T) {
	for name, want := range map[string]struct{ refused, remedy bool }{
		"model": {refused: true}, "stream_options": {refused: true}, "top_p": {}, "": {},
		"ignore_eos": {true, true}, "max_tokens": {true, true}, "max_completion_tokens": {true, true},
		"min_tokens": {true, true},
	} {
		n, refused := CheckField("body", name, "--min-tokens", "--respect-eos")
		if refused != want.refused || (n.Code == "set-by-client") != want.refused || (n.Remedy() != "") != want.remedy {
			t.Errorf("%s: %t, %s", name, refused, n)
		}
	}
}

func TestCheckHeader(t *testing.T) {
	for name, want := range map[string]string{
		"X-Tenant": "", "x_tenant": "", "X Tenant": "header-name-wrong", "": "header-name-wrong",
		"content-LENGTH": "set-by-client", "Host": "set-by-client", "Authorization": "",
	} {
		if n, refused := CheckHeader("headers", name); refused != (want != "") || string(n.Code) != want {
			t.Errorf("%q: %t, %s, want %q", name, refused, n.Code, want)
		}
	}
	for value, want := range map[string]bool{"a b\tc": false, "": false, "a\r\nX: y": true, "a\x00": true} {
		if _, refused := CheckHeaderValue("headers.X", value); refused != want {
			t.Errorf("%q: %t", value, refused)
		}
	}
}
