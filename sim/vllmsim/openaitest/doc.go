// Package openaitest runs the OpenAI client library of another project
// against the simulated server. It is a module of its own so that the client
// is no dependency of sweep: run `go test` in this folder. The first build
// takes minutes, as the client is large.
package openaitest
