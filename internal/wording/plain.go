// Package wording puts errors of the operating system, the network and Go's
// decoders into words that somebody on a terminal can act on. It works on text,
// because much of it comes as text: podman, docker and registries pass on what
// Go told them. It also finds what a mistyped word was meant to be.
package wording

import (
	"regexp"
	"sync"
)

// rule replaces what a pattern finds.
type rule struct {
	find *regexp.Regexp
	say  string
}

// Plain is text without the layers of Go's errors in it. What it does not know
// stays as it is.
func Plain(text string) string {
	for _, r := range rules() {
		text = r.find.ReplaceAllString(text, r.say)
	}
	return text
}

// Parts of the patterns: a path as the os package writes it, an address, and
// what stands before the reason in a failed connection.
const (
	path    = `([^\s:]+(?: [^\s:]+)*)`
	address = `(\[[0-9a-fA-F:.%a-z]*\]:\d+|[^\s\[\]]*:\d+)`
	dial    = `dial (?:tcp|tcp4|tcp6) ` + address + `: (?:connect: )?`
	listen  = `listen (?:tcp|tcp4|tcp6) ` + address + `: (?:bind: |listen: )?`
)

// rules are applied in order: what wraps an address before the address.
var rules = sync.OnceValue(func() []rule {
	table := [][2]string{
		{`\b(?:Get|Post|Put|Head|Delete) "[^"]*": `, ""},
		{`failed to connect to the docker API at \S+; check if the path is correct and if the daemon is running: `, ""},
		{`Cannot connect to the Docker daemon at (\S+?)\. Is the docker daemon running\?`, "nothing answers at $1"},
		{`dial (?:tcp|udp)\d?: lookup (\S+?)(?: on \S+)?: no such host`, "cannot resolve host $1"},
		{`dial (?:tcp|udp)\d?: lookup (\S+?)(?: on \S+)?: [^;)]*`, "cannot resolve host $1: no DNS server answers"},
		{dial + `connection refused`, "connection refused: nothing listens at $1"},
		{dial + `(?:no route to host|network is unreachable|host is down)`, "no route to $1"},
		{dial + `(?:i/o timeout|connection timed out|operation was canceled)`, "$1 does not answer"},
		{`dial unix ` + path + `: connect: no such file or directory`, "no such socket: $1"},
		{`dial unix ` + path + `: connect: permission denied`, "permission denied: socket $1"},
		{`dial unix ` + path + `: connect: connection refused`, "nothing listens at socket $1"},
		{`dial unix ` + path + `: connect: not a socket`, "$1 is not a socket"},
		{listen + `address already in use`, "address $1 is already in use: choose another port or stop the other program"},
		{listen + `cannot assign requested address`, "$1 is not an address of this machine"},
		{listen + `permission denied`, "no permission to listen at $1: choose a port above 1023"},
		{`listen (?:tcp|tcp4|tcp6): address (\S+): invalid port`, "invalid port in $1: want 0 to 65535"},
		{`listen (?:tcp|tcp4|tcp6): address (\S+): (?:missing port in address|too many colons in address)`, "invalid address $1: want HOST:PORT"},
		{`listen (?:tcp|tcp4|tcp6): lookup (\S+?)(?: on \S+)?: [^;)]*`, "cannot resolve host $1"},
		{`(?:read|write) (?:tcp|unix|tcp4|tcp6) \S+: (?:read|write): (?:connection reset by peer|broken pipe)`, "the connection was cut off"},
		{`context deadline exceeded(?: \(Client\.Timeout exceeded[^)]*\))?`, "no answer in time"},
		{`net/http: request canceled while waiting for connection(?: \(Client\.Timeout exceeded[^)]*\))?`, "no answer in time"},
		{`exec: "([^"]*)": executable file not found in \$PATH`, "program $1 not found on PATH"},
		{`(?:fork/exec|exec:?) ` + path + `: no such file or directory`, "no such program: $1"},
		{`(?:fork/exec|exec:?) ` + path + `: permission denied`, "no permission to execute $1"},
		{`fork/exec ` + path + `: exec format error`, "$1 is not a program for this machine"},
		{`\b(?:write|create) ` + path + `: no such file or directory`, "cannot write $1: its directory does not exist"},
		{`mkdir ` + path + `: no such file or directory`, "cannot create directory $1: its parent does not exist"},
		{`(?:mkdir|open|stat|lstat|create|write) ` + path + `: not a directory`, "$1: a part of this path is a file, not a directory"},
		{`mkdir ` + path + `: file exists`, "$1 is a file, not a directory"},
		{`(?:read|open) ` + path + `: is a directory`, "$1 is a directory"},
		{`(?:open|stat|lstat|readlink) ` + path + `: no such file or directory`, "no such file or directory: $1"},
		{`\b(?:open|stat|lstat|mkdir|read|write|remove|unlinkat|create) ` + path + `: permission denied`, "permission denied: $1"},
		{`\b(?:open|mkdir|write|create) ` + path + `: read-only file system`, "$1 is on a read-only disk"},
		{`\b(?:open|write|mkdir|sync|close|create) ` + path + `: no space left on device`, "the disk of $1 is full: free some space"},
		{`\b(?:open|write|mkdir|sync|close|create) ` + path + `: disk quota exceeded`, "the disk quota for $1 is used up"},
		{`no space left on device`, "the disk is full: free some space"},
		{`unexpected end of JSON input|unexpected EOF`, "unexpected end of data"},
		{`invalid character (\S+|' ') (?:looking for|after|in) [a-z ]+(?:value|literal \S+(?: \(expecting '.'\))?|pair|element|string)`, "invalid JSON: unexpected $1"},
		{`json: cannot unmarshal (\w+) into Go (?:struct field \w+\.(\S+)|value) of type \S+`, "invalid JSON: unexpected $1 ($2)"},
		{` \(\)`, ""},
	}
	out := make([]rule, len(table))
	for i, t := range table {
		out[i] = rule{regexp.MustCompile(t[0]), t[1]}
	}
	return out
})
