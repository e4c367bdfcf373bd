// Package workload reads recorded work: traces of arrivals with their lengths,
// and datasets of prompts. The experiment file is checked with it and the load
// generator plays what it reads.
package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// Formats of traces and datasets, as files and flags name them.
const (
	Azure    = "azure"    // CSV of the Azure LLM inference traces
	Mooncake = "mooncake" // JSON lines of the Mooncake traces

	ShareGPT = "sharegpt" // JSON array of conversations
	JSONL    = "jsonl"    // one object a line: prompt, output_tokens
	CSV      = "csv"      // header with prompt and, perhaps, output_tokens
)

// TraceFormats and DatasetFormats list the formats.
func TraceFormats() []string   { return []string{Azure, Mooncake} }
func DatasetFormats() []string { return []string{ShareGPT, JSONL, CSV} }

// ReadTrace reads a trace file; a name that ends in .gz is decompressed. The
// digest is the SHA-256 of the file as stored, in hexadecimal.
func ReadTrace(path, format string) (rows []Arrival, digest string, err error) {
	return readFile(path, func(in io.Reader) ([]Arrival, error) {
		switch format {
		case Azure:
			return ReadAzureTrace(in)
		case Mooncake:
			return ReadMooncakeTrace(in)
		default:
			return nil, fmt.Errorf("trace format %q: want %s", format, strings.Join(TraceFormats(), " or "))
		}
	})
}

// ReadDataset reads a dataset file, like ReadTrace.
func ReadDataset(path, format string) (samples []Sample, digest string, err error) {
	return readFile(path, func(in io.Reader) ([]Sample, error) {
		switch format {
		case ShareGPT:
			return ReadShareGPT(in)
		case JSONL:
			return ReadJSONL(in)
		case CSV:
			return ReadCSV(in)
		default:
			return nil, fmt.Errorf("dataset format %q: want %s", format, strings.Join(DatasetFormats(), ", "))
		}
	})
}

func readFile[T any](path string, read func(io.Reader) ([]T, error)) ([]T, string, error) {
	f, size, err := boundary.Open(path)
	if err != nil {
		return nil, "", fileError(path, err)
	}
	defer f.Close()
	sum := sha256.New()
	stored := io.TeeReader(f, sum)
	var in io.Reader = stored
	if strings.HasSuffix(path, ".gz") {
		if in, err = boundary.Gunzip(stored, size); err != nil {
			return nil, "", fmt.Errorf("decompress %s: %w", path, err)
		}
	}
	out, err := read(in)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, stored); err != nil { // what the decoders left unread
		return nil, "", fmt.Errorf("read %s: %w", path, err)
	}
	return out, hex.EncodeToString(sum.Sum(nil)), nil
}

// fileError leaves out the system call that failed.
func fileError(path string, err error) error {
	var p *os.PathError
	if !errors.As(err, &p) {
		return err // it names the file
	}
	err = p.Err
	return fmt.Errorf("%s: %w", path, err)
}
