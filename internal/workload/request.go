package workload

import (
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// What a request may carry besides the load, for the experiment file and for
// every other way to the load generator.

// ownHeaders are headers, in canonical form, that the load generator sets itself.
var ownHeaders = []string{
	"Content-Type", "Content-Length", "Accept", "Accept-Encoding", "Transfer-Encoding", "Connection", "Host",
}

// ownFields are fields of a request's body that the load generator sets itself:
// its measurement rests on them. lengthFields decide how long an answer is.
var (
	ownFields    = []string{"model", "prompt", "messages", "stream", "stream_options"}
	lengthFields = []string{"max_tokens", "max_completion_tokens", "min_tokens", "ignore_eos"}
)

// CheckField refuses a field of a request's body that the load generator sets
// itself; false: it may be given. path is where it was given; instead are the
// settings for the length of answers there, for the remedy.
func CheckField(path, name string, instead ...string) (refusal notice.Notice, refused bool) {
	length := slices.Contains(lengthFields, name)
	if !length && !slices.Contains(ownFields, name) {
		return refusal, false
	}
	refusal = setByClient(path, name)
	if length && len(instead) > 0 {
		refusal = refusal.With("fields", notice.List(instead...))
	}
	return refusal, true
}

// CheckHeader refuses the name of a header that cannot be sent or that the load
// generator sets itself; false: it may be given.
func CheckHeader(path, name string) (refusal notice.Notice, refused bool) {
	switch canonical := http.CanonicalHeaderKey(name); {
	case !httpguts.ValidHeaderFieldName(name):
		return notice.New("header-name-wrong", notice.Args{"path": notice.Text(path), "name": notice.Text(name)}), true
	case slices.Contains(ownHeaders, canonical):
		return setByClient(path, canonical), true
	}
	return refusal, false
}

// CheckHeaderValue refuses the value of the header at path if it cannot be sent.
// The refusal does not quote it, because it may be a secret.
func CheckHeaderValue(path, value string) (refusal notice.Notice, refused bool) {
	if httpguts.ValidHeaderFieldValue(value) {
		return refusal, false
	}
	return notice.New("header-line-break", notice.Args{"path": notice.Text(path)}), true
}

func setByClient(path, name string) notice.Notice {
	return notice.New("set-by-client", notice.Args{"path": notice.Text(path), "name": notice.Text(name)})
}
