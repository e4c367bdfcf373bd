package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// structLength is how many bytes a struct in Thrift's compact protocol takes
// (thrift/doc/specs/thrift-compact-protocol.md). It makes sure that no length
// in it is larger than what is left, which its decoder would allocate.
func structLength(b []byte) (int, error) {
	c := cursor{b: b}
	err := c.structure(0)
	return c.at, err
}

type cursor struct {
	b  []byte
	at int
}

const deepest = 32 // nesting; Parquet's own structs have about six

var errDeep = errors.New("structs nested too deeply")

// Types of the compact protocol.
const (
	typeTrue = iota + 1
	typeFalse
	typeByte
	typeI16
	typeI32
	typeI64
	typeDouble
	typeBinary
	typeList
	typeSet
	typeMap
	typeStruct
	typeUUID
)

func (c *cursor) byte() (byte, error) {
	if c.at >= len(c.b) {
		return 0, io.ErrUnexpectedEOF
	}
	c.at++
	return c.b[c.at-1], nil
}

func (c *cursor) uvarint() (uint64, error) {
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c.at += n
	return v, nil
}

func (c *cursor) skip(n uint64) error {
	if n > uint64(len(c.b)-c.at) {
		return io.ErrUnexpectedEOF
	}
	c.at += int(n)
	return nil
}

func (c *cursor) structure(depth int) error {
	if depth > deepest {
		return errDeep
	}
	for {
		head, err := c.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the field's number follows
			if _, err := c.uvarint(); err != nil {
				return err
			}
		}
		if err := c.value(head&0x0f, false, depth); err != nil {
			return err
		}
	}
}

// value passes over one value. Booleans are in the type of a field, and a byte
// in a list.
func (c *cursor) value(kind byte, inList bool, depth int) error {
	switch kind {
	case typeTrue, typeFalse:
		if inList {
			return c.skip(1)
		}
		return nil
	case typeByte:
		return c.skip(1)
	case typeI16, typeI32, typeI64:
		_, err := c.uvarint()
		return err
	case typeDouble:
		return c.skip(8)
	case typeUUID:
		return c.skip(16)
	case typeBinary:
		n, err := c.uvarint()
		if err != nil {
			return err
		}
		return c.skip(n)
	case typeList, typeSet:
		return c.list(depth)
	case typeMap:
		return c.mapping(depth)
	case typeStruct:
		return c.structure(depth + 1)
	default:
		return fmt.Errorf("a value of type %d", kind)
	}
}

func (c *cursor) list(depth int) error {
	head, err := c.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = c.uvarint(); err != nil {
			return err
		}
	}
	if n > uint64(len(c.b)-c.at) { // each takes a byte at least
		return fmt.Errorf("a list of %d in %d bytes", n, len(c.b)-c.at)
	}
	for range n {
		if err := c.value(head&0x0f, true, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) mapping(depth int) error {
	n, err := c.uvarint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := c.byte()
	if err != nil {
		return err
	}
	if n > uint64(len(c.b)-c.at) {
		return fmt.Errorf("a map of %d in %d bytes", n, len(c.b)-c.at)
	}
	for range n {
		if err := errors.Join(c.value(kinds>>4, true, depth+1), c.value(kinds&0x0f, true, depth+1)); err != nil {
			return err
		}
	}
	return nil
}
