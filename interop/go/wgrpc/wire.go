// Package wgrpc is the conversation of WgRPC and GeeRPC in words of our own, with the standard library's gob and JSON: an
// Option, and behind it headers and bodies in both directions.
//
// Server and client behave as the family's own do, with the faults that others have to live with.
package wgrpc

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Family is what differs between the two.
type Family struct {
	Magic     int
	Path      string
	Status    string
	IllFormed string
	NoService string
	NoMethod  string
	Late      string
	// Where registries are, and the headers for one server and for all.
	Registry string
	Server   string
	Servers  string
}

// WgRPC and GeeRPC.
var (
	WgRPC = Family{
		Magic:     57775718,
		Path:      "/wgrpc",
		Status:    "200 Connected to Wg RPC",
		IllFormed: "server.Register: service/method request ill-formed: ",
		NoService: "server.findService: can't find service: ",
		NoMethod:  "server.findService: can't find method: ",
		Late:      "server.handleRequest: request handle timeout: expect within ",
		Registry:  "/wgrpc/registry",
		Server:    "X-Wgrpc-Server",
		Servers:   "X-Wgrpc-Servers",
	}
	GeeRPC = Family{
		Magic:     3927900,
		Path:      "/_geeprc_",
		Status:    "200 Connected to Gee RPC",
		IllFormed: "rpc server: service/method request ill-formed: ",
		NoService: "rpc server: can't find service ",
		NoMethod:  "rpc server: can't find method ",
		Late:      "rpc server: request handle timeout: expect within ",
		Registry:  "/_geerpc_/registry",
		Server:    "X-Geerpc-Server",
		Servers:   "X-Geerpc-Servers",
	}
)

// Named is the family of that name.
func Named(name string) (Family, error) {
	switch name {
	case "wgrpc":
		return WgRPC, nil
	case "geerpc":
		return GeeRPC, nil
	}
	return Family{}, fmt.Errorf("`%s` is no family: expected wgrpc or geerpc", name)
}

// Codecs by the names that an Option has for them.
const (
	Gob  = "application/gob"
	JSON = "application/json"
)

// Option is what a client says first.
type Option struct {
	MagicNumber    int
	CodecType      string
	ConnectTimeout time.Duration
	HandleTimeout  time.Duration
}

// Header is in front of every body.
type Header struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

// Codec reads and writes headers and bodies on one connection.
type Codec struct {
	buffer  *bufio.Writer
	encoder interface{ Encode(any) error }
	decoder interface{ Decode(any) error }
	// What a body is read into that nobody wants.
	nobodys func() any
}

// NewCodec is the one of that name.
func NewCodec(name string, conn io.ReadWriter) (*Codec, error) {
	buffer := bufio.NewWriter(conn)
	switch name {
	case Gob:
		return &Codec{buffer, gob.NewEncoder(buffer), gob.NewDecoder(conn), func() any { return nil }}, nil
	case JSON:
		return &Codec{buffer, json.NewEncoder(buffer), json.NewDecoder(conn), func() any { return new(json.RawMessage) }}, nil
	}
	return nil, fmt.Errorf("`%s` is no codec", name)
}

// Read reads the next value into what is pointed to.
func (c *Codec) Read(into any) error { return c.decoder.Decode(into) }

// Skip passes over the next value.
func (c *Codec) Skip() error { return c.decoder.Decode(c.nobodys()) }

// Put writes a header and a body, and keeps them back.
func (c *Codec) Put(header *Header, body any) error {
	if err := c.encoder.Encode(header); err != nil {
		return err
	}
	return c.encoder.Encode(body)
}

// Flush sends what was kept back, in one write if it is short.
func (c *Codec) Flush() error { return c.buffer.Flush() }
