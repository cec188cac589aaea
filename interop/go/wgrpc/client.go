package wgrpc

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// Place is where a server is.
type Place struct {
	Network, Address string
	// Whether it is asked by CONNECT.
	OverHTTP bool
}

// Connect makes a connection, up to where the Option is expected.
func (p Place) Connect(family Family) (net.Conn, error) {
	conn, err := net.Dial(p.Network, p.Address)
	if err != nil || !p.OverHTTP {
		return conn, err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.0\n\n", family.Path); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"})
	if err != nil {
		return nil, err
	}
	if response.Status != family.Status {
		return nil, fmt.Errorf("got the status `%s`, expected `%s`", response.Status, family.Status)
	}
	return conn, nil
}

// ServerError is an error that the server answered.
type ServerError string

func (e ServerError) Error() string { return string(e) }

// Client calls over one connection.
type Client struct {
	conn    net.Conn
	codec   *Codec
	mutex   sync.Mutex
	seq     uint64
	pending map[uint64]*call
	ended   error
}

type call struct {
	reply any
	done  chan error
}

// Dial connects and sends the Option.
func Dial(place Place, family Family, option Option) (*Client, error) {
	conn, err := place.Connect(family)
	if err != nil {
		return nil, err
	}
	option.MagicNumber = family.Magic
	if err := json.NewEncoder(conn).Encode(&option); err != nil {
		return nil, err
	}
	return Over(conn, option.CodecType)
}

// Over calls over a connection on which the Option was said.
func Over(conn net.Conn, codecName string) (*Client, error) {
	codec, err := NewCodec(codecName, conn)
	if err != nil {
		return nil, err
	}
	client := &Client{conn: conn, codec: codec, seq: 1, pending: map[uint64]*call{}}
	go client.receive()
	return client, nil
}

// Close ends the connection, and the calls that wait.
func (c *Client) Close() { c.conn.Close() }

// Call calls and waits for the reply.
func (c *Client) Call(method string, argument, reply any) error {
	waiting := &call{reply, make(chan error, 1)}
	if err := c.send(method, argument, waiting); err != nil {
		return err
	}
	return <-waiting.done
}

func (c *Client) send(method string, argument any, waiting *call) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended != nil {
		return c.ended
	}
	header := Header{ServiceMethod: method, Seq: c.seq}
	c.seq++
	c.pending[header.Seq] = waiting
	err := c.codec.Put(&header, argument)
	if err == nil {
		err = c.codec.Flush()
	}
	if err != nil {
		delete(c.pending, header.Seq)
	}
	return err
}

func (c *Client) receive() {
	var err error
	for err == nil {
		err = c.receiveOne()
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ended = fmt.Errorf("connection is shut down: %w", err)
	for _, waiting := range c.pending {
		waiting.done <- c.ended
	}
}

func (c *Client) receiveOne() error {
	var header Header
	if err := c.codec.Read(&header); err != nil {
		return err
	}
	c.mutex.Lock()
	waiting := c.pending[header.Seq]
	delete(c.pending, header.Seq)
	c.mutex.Unlock()
	if waiting == nil {
		return c.codec.Skip()
	}
	if header.Error != "" {
		err := c.codec.Skip()
		waiting.done <- ServerError(header.Error)
		return err
	}
	if err := c.codec.Read(waiting.reply); err != nil {
		waiting.done <- errors.New("reading body " + err.Error())
		return err
	}
	waiting.done <- nil
	return nil
}
