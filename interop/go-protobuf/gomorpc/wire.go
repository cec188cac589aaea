// Package gomorpc speaks as gomorpc's programs do, by Google's own protobuf: both sides, with the faults that matter to who
// speaks with them.
package gomorpc

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The number by which a client begins, and the codec, of which there is one.
const (
	Magic    = 0x5599
	ProtoBuf = 0
)

// TimedOut is the only error that the wire has.
const TimedOut = 1

// Greeting is what a client says first. It has no end: a server reads as many bytes as one takes.
type Greeting struct {
	MagicNumber int
	CodeType    int
}

var greeting, _ = json.Marshal(Greeting{Magic, ProtoBuf})

// Header is an MHeader as it came, fields that nobody knows included.
type Header struct{ *dynamicpb.Message }

var headerType = describe()

func describe() protoreflect.MessageDescriptor {
	field := func(number int32, name string, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name:   proto.String(name),
			Number: proto.Int32(number),
			Type:   kind.Enum(),
			Label:  descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name:   proto.String("mheader.proto"),
		Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("MHeader"),
			Field: []*descriptorpb.FieldDescriptorProto{
				field(1, "service", descriptorpb.FieldDescriptorProto_TYPE_STRING),
				field(2, "method", descriptorpb.FieldDescriptorProto_TYPE_STRING),
				field(3, "id", descriptorpb.FieldDescriptorProto_TYPE_UINT32),
				field(4, "error", descriptorpb.FieldDescriptorProto_TYPE_UINT32),
				field(5, "timeout", descriptorpb.FieldDescriptorProto_TYPE_UINT64),
			},
		}},
	}, nil)
	if err != nil {
		panic(err)
	}
	return file.Messages().Get(0)
}

// NewHeader is an empty one.
func NewHeader() Header { return Header{dynamicpb.NewMessage(headerType)} }

func (h Header) get(field protoreflect.FieldNumber) protoreflect.Value {
	return h.Get(headerType.Fields().ByNumber(field))
}

func (h Header) set(field protoreflect.FieldNumber, value any) {
	h.Set(headerType.Fields().ByNumber(field), protoreflect.ValueOf(value))
}

// Service, Method, ID, Error and Timeout are its fields.
func (h Header) Service() string { return h.get(1).String() }
func (h Header) Method() string  { return h.get(2).String() }
func (h Header) ID() uint32      { return uint32(h.get(3).Uint()) }
func (h Header) Error() uint32   { return uint32(h.get(4).Uint()) }
func (h Header) Timeout() uint64 { return h.get(5).Uint() }

// A codec reads and writes messages on one connection.
type codec struct {
	reader *bufio.Reader
	writer *bufio.Writer
}

func newCodec(conn io.ReadWriter) *codec {
	return &codec{bufio.NewReader(conn), bufio.NewWriter(conn)}
}

// read takes a header and the bytes of its message. What is wrong with the header is not looked at.
func (c *codec) read() (Header, []byte, error) {
	header := NewHeader()
	bytes, err := c.part()
	if err != nil {
		return header, nil, err
	}
	_ = proto.Unmarshal(bytes, header)
	bytes, err = c.part()
	return header, bytes, err
}

func (c *codec) part() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.reader, length[:]); err != nil {
		return nil, err
	}
	bytes := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c.reader, bytes)
	return bytes, err
}

// write says a header and its message in one piece.
func (c *codec) write(header Header, message proto.Message) error {
	bytes, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	return c.writeRaw(header, bytes)
}

func (c *codec) writeRaw(header Header, message []byte) error {
	front, err := proto.Marshal(header)
	if err != nil {
		return fmt.Errorf("a header: %w", err)
	}
	for _, part := range [][]byte{front, message} {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		if _, err := c.writer.Write(append(length[:], part...)); err != nil {
			return err
		}
	}
	return c.writer.Flush()
}
