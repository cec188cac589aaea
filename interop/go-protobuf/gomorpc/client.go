package gomorpc

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Client calls over one connection. Its calls are made by one goroutine.
//
// It notes that a call waits after it has sent it. A reply that nobody waits for, for that reason or another, and the end
// of the connection end the whole process.
type Client struct {
	codec   *codec
	id      uint32
	mutex   sync.Mutex
	pending map[uint32]*waiting
	// When calls were begun to be sent, for who asks what the process ended of.
	begun map[uint32]time.Time
}

type waiting struct {
	reply proto.Message
	done  chan uint32
	// Everything of the reply's header, for who looks.
	header Header
}

// Dial says the greeting, and waits for nothing.
func Dial(address string) (*Client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(greeting); err != nil {
		return nil, err
	}
	client := &Client{codec: newCodec(conn), pending: map[uint32]*waiting{}, begun: map[uint32]time.Time{}}
	go client.listen()
	return client, nil
}

// Call sends a call, and yields the error that it ends with: the server's, or that its time has passed.
func (c *Client) Call(service, method string, argument, reply proto.Message, timeout time.Duration) <-chan uint32 {
	bytes, err := proto.Marshal(argument)
	if err != nil {
		panic(err)
	}
	call := c.send(service, method, bytes, reply, timeout, nil)
	ended := make(chan uint32, 1)
	go func() {
		var late <-chan time.Time
		if timeout > 0 {
			late = time.After(timeout)
		}
		select {
		case number := <-call.done:
			ended <- number
		case <-late:
			ended <- TimedOut
		}
	}()
	return ended
}

// CallRaw sends these bytes as a message, with these behind the header's fields, and waits however long it takes.
func (c *Client) CallRaw(
	service, method string, argument, unknown []byte, reply proto.Message, timeout time.Duration,
) (Header, uint32) {
	call := c.send(service, method, argument, reply, timeout, unknown)
	number := <-call.done
	return call.header, number
}

func (c *Client) send(
	service, method string, argument []byte, reply proto.Message, timeout time.Duration, unknown []byte,
) *waiting {
	header := NewHeader()
	header.set(1, service)
	header.set(2, method)
	header.set(3, c.id)
	header.set(5, uint64(timeout))
	header.SetUnknown(protoreflect.RawFields(unknown))
	c.mutex.Lock()
	c.begun[c.id] = time.Now()
	c.mutex.Unlock()
	if err := c.codec.writeRaw(header, argument); err != nil {
		panic(err)
	}
	call := &waiting{reply: reply, done: make(chan uint32, 1)}
	c.mutex.Lock()
	c.pending[c.id] = call
	c.mutex.Unlock()
	c.id++
	return call
}

func (c *Client) listen() {
	for {
		header, bytes, err := c.codec.read()
		if err != nil {
			panic(err)
		}
		c.mutex.Lock()
		call := c.pending[header.ID()]
		begun, isBegun := c.begun[header.ID()]
		delete(c.pending, header.ID())
		delete(c.begun, header.ID())
		c.mutex.Unlock()
		if call == nil && !isBegun {
			fmt.Println("FAIL unawaited: a reply to no call")
			os.Exit(2)
		}
		if call == nil {
			fmt.Printf("FAIL unawaited: a reply came after %d µs\n", time.Since(begun).Microseconds())
			os.Exit(2)
		}
		call.header = header
		_ = proto.Unmarshal(bytes, call.reply)
		call.done <- header.Error()
	}
}
