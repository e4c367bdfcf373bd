package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds, in bytes, far above what the writers here produce: a footer of some
// KiB, pages of 256 KiB and little more where one row is long.
const (
	maxFooter = 1 << 20
	maxHeader = 64 << 10
	maxPage   = 256 << 20
	maxAll    = 4 << 30 // all pages, unpacked
)

const magic = "PAR1"

// check goes through a file without decoding its values.
func check(in io.ReaderAt, size int64) error {
	meta, end, err := footer(in, size)
	if err != nil {
		return err
	}
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage))
	if err != nil {
		return err
	}
	defer unpack.Close()
	w := walk{in: in, end: end, unpack: unpack, left: maxAll}
	var rows int64
	for _, g := range meta.RowGroups {
		if g.NumRows < 0 {
			return fmt.Errorf("a group of %d rows", g.NumRows)
		}
		before := w.left
		for _, c := range g.Columns {
			if err := w.column(&c.MetaData, g.NumRows); err != nil {
				return fmt.Errorf("column %q: %w", c.MetaData.PathInSchema, err)
			}
		}
		// Some column of each row has a fixed width.
		if g.NumRows > before-w.left {
			return fmt.Errorf("%d rows in %d bytes", g.NumRows, before-w.left)
		}
		rows += g.NumRows
	}
	if rows != meta.NumRows {
		return fmt.Errorf("its groups have %d rows, its footer says %d", rows, meta.NumRows)
	}
	return nil
}

// footer decodes the file's metadata; end is where it begins.
func footer(in io.ReaderAt, size int64) (meta format.FileMetaData, end int64, err error) {
	const frame = int64(len(magic) + 4) // length and magic number at the end
	if size < frame+int64(len(magic)) {
		return meta, 0, io.ErrUnexpectedEOF
	}
	var head, tail [frame]byte
	if _, err := in.ReadAt(head[:len(magic)], 0); err != nil {
		return meta, 0, err
	}
	if _, err := in.ReadAt(tail[:], size-frame); err != nil && err != io.EOF {
		return meta, 0, err
	}
	if string(head[:len(magic)]) != magic || string(tail[4:]) != magic {
		return meta, 0, errors.New("it does not begin and end as a Parquet file does: it may be cut short")
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if length > min(maxFooter, size-frame-int64(len(magic))) {
		return meta, 0, fmt.Errorf("a footer of %d bytes in a file of %d", length, size)
	}
	end = size - frame - length
	raw := make([]byte, length)
	if _, err := in.ReadAt(raw, end); err != nil {
		return meta, 0, err
	}
	n, err := structLength(raw)
	if err == nil && int64(n) != length {
		err = fmt.Errorf("%d bytes after it", length-int64(n))
	}
	if err == nil {
		err = thrift.Unmarshal(new(thrift.CompactProtocol), raw, &meta)
	}
	if err != nil {
		return meta, 0, fmt.Errorf("footer: %w", err)
	}
	return meta, end, nil
}

// walk goes from page to page.
type walk struct {
	in     io.ReaderAt
	end    int64 // of the pages
	unpack *zstd.Decoder
	left   int64 // bytes that pages may still unpack to
	buf    []byte
}

func (w *walk) column(m *format.ColumnMetaData, rows int64) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < at {
		at = m.DictionaryPageOffset
	}
	if at < int64(len(magic)) || m.TotalCompressedSize < 0 || at > w.end || m.TotalCompressedSize > w.end-at {
		return fmt.Errorf("%d bytes at %d are not inside the file", m.TotalCompressedSize, at)
	}
	before, until := w.left, at+m.TotalCompressedSize
	var values int64
	for at < until {
		n, took, err := w.page(m.Codec, at, until)
		if err != nil {
			return fmt.Errorf("page at %d: %w", at, err)
		}
		values, at = values+n, at+took
	}
	if values != m.NumValues {
		return fmt.Errorf("%d values where the footer says %d", values, m.NumValues)
	}
	if values < rows || values > rows+before-w.left {
		return fmt.Errorf("%d values in %d rows and %d bytes", values, rows, before-w.left)
	}
	return nil
}

// page checks one page and returns how many values of the column it holds, none
// where it is the dictionary, and how many bytes it takes.
func (w *walk) page(codec format.CompressionCodec, at, until int64) (values, took int64, err error) {
	raw := make([]byte, min(maxHeader, until-at))
	if _, err := w.in.ReadAt(raw, at); err != nil {
		return 0, 0, err
	}
	n, err := structLength(raw)
	if err != nil {
		return 0, 0, fmt.Errorf("header: %w", err)
	}
	var h format.PageHeader
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), raw[:n], &h); err != nil {
		return 0, 0, fmt.Errorf("header: %w", err)
	}
	packed := int64(h.CompressedPageSize)
	if packed < 0 || packed > until-at-int64(n) || h.UncompressedPageSize < 0 || h.UncompressedPageSize > maxPage || int64(h.UncompressedPageSize) > w.left {
		return 0, 0, fmt.Errorf("%d bytes, unpacked %d, where %d are left", packed, h.UncompressedPageSize, until-at-int64(n))
	}
	data := make([]byte, packed)
	if _, err := w.in.ReadAt(data, at+int64(n)); err != nil {
		return 0, 0, err
	}
	if sum := crc32.ChecksumIEEE(data); sum != uint32(h.CRC) {
		return 0, 0, fmt.Errorf("checksum %08x, its header says %08x", sum, uint32(h.CRC))
	}
	levels, encoding := 0, format.Plain
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		if d := h.DictionaryPageHeader.V; d.NumValues < 0 || d.NumValues > h.UncompressedPageSize {
			return 0, 0, fmt.Errorf("a dictionary of %d values in %d bytes", d.NumValues, h.UncompressedPageSize)
		}
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		d := h.DataPageHeaderV2.V
		values, encoding = int64(d.NumValues), d.Encoding
		r, l := int(d.RepetitionLevelsByteLength), int(d.DefinitionLevelsByteLength)
		if r < 0 || l < 0 || r > len(data) || l > len(data)-r {
			return 0, 0, fmt.Errorf("levels of %d and %d bytes in a page of %d", r, l, len(data))
		}
		levels = r + l
		if d.IsCompressed.Valid && !d.IsCompressed.V {
			codec = format.Uncompressed
		}
	default:
		return 0, 0, fmt.Errorf("a page of type %v, which sweep does not write", h.Type)
	}
	body := data[levels:]
	if codec == format.Zstd && len(body) > 0 {
		if w.buf, err = w.unpack.DecodeAll(body, w.buf[:0]); err != nil {
			return 0, 0, err
		}
		body = w.buf
	} else if codec != format.Zstd && codec != format.Uncompressed {
		return 0, 0, fmt.Errorf("packed with %v, which sweep does not use", codec)
	}
	if have := levels + len(body); have != int(h.UncompressedPageSize) {
		return 0, 0, fmt.Errorf("%d bytes unpacked, its header says %d", have, h.UncompressedPageSize)
	}
	if values < 0 {
		return 0, 0, fmt.Errorf("%d values", values)
	}
	if encoding == format.DeltaBinaryPacked {
		if n, ok := deltaCount(body); !ok || n > uint64(values) {
			return 0, 0, fmt.Errorf("%d differences of %d values", n, values)
		}
	}
	w.left -= int64(h.UncompressedPageSize)
	return values, int64(n) + packed, nil
}

// deltaCount is the number of values that a page of differences states.
func deltaCount(body []byte) (n uint64, ok bool) {
	for range 3 { // size of a block, its parts, values
		v, k := binary.Uvarint(body)
		if k <= 0 {
			return 0, len(bytes.Trim(body, "\x00")) == 0 // no values at all
		}
		n, body = v, body[k:]
	}
	return n, true
}
