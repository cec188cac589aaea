package main

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"reflect"
	"time"

	"ferrywire.test/interop/zoo"
)

// rawChecks write requests themselves, in ways that Go's own client does not.
func rawChecks() []check {
	return []check{
		{"raw/the_sequence_number_is_the_callers", raw(func(conn *rawConn) error {
			for _, sequence := range []uint64{1 << 40, 3, 1<<64 - 1, 0} {
				if err := conn.multiply(sequence); err != nil {
					return err
				}
			}
			return nil
		}), 0},
		{"raw/a_header_with_more_fields_in_another_order", raw(func(conn *rawConn) error {
			header := struct {
				Trace         string
				Seq           uint32
				Deadline      time.Time
				ServiceMethod string
			}{"trace", 7, time.Unix(1, 0), "Arith.Multiply"}
			if err := conn.send(&header, &zoo.Args{A: 6, B: 7}); err != nil {
				return err
			}
			return conn.product(7)
		}), 0},
		{"raw/an_error_reply_names_the_call_and_has_a_body", raw(func(conn *rawConn) error {
			if err := conn.send(&rpc.Request{ServiceMethod: "Nope.Nope", Seq: 5}, &zoo.Args{A: 1, B: 2}); err != nil {
				return err
			}
			var response rpc.Response
			if err := conn.decoder.Decode(&response); err != nil {
				return err
			}
			expected := rpc.Response{ServiceMethod: "Nope.Nope", Seq: 5, Error: "rpc: can't find service Nope.Nope"}
			if response != expected {
				return fmt.Errorf("got %+v, expected %+v", response, expected)
			}
			if err := conn.decoder.DecodeValue(reflect.Value{}); err != nil {
				return err
			}
			return conn.multiply(6)
		}), 0},
		{"raw/100_requests_in_one_write", raw(func(conn *rawConn) error {
			var all bytes.Buffer
			encoder := gob.NewEncoder(&all)
			for i := uint64(0); i < 100; i++ {
				if err := encode(encoder, &rpc.Request{ServiceMethod: "Arith.Multiply", Seq: i}, &zoo.Args{A: int(i), B: 2}); err != nil {
					return err
				}
			}
			if _, err := conn.Write(all.Bytes()); err != nil {
				return err
			}
			products := map[uint64]int{}
			for i := 0; i < 100; i++ {
				response, product, err := conn.receive()
				if err != nil {
					return err
				}
				products[response.Seq] = product
			}
			for i := uint64(0); i < 100; i++ {
				if got, found := products[i]; !found || got != int(i)*2 {
					return fmt.Errorf("got %d for call %d, expected %d", got, i, i*2)
				}
			}
			return nil
		}), 0},
		{"raw/one_byte_at_a_time", raw(func(conn *rawConn) error {
			var request bytes.Buffer
			if err := encode(gob.NewEncoder(&request), &rpc.Request{ServiceMethod: "Arith.Multiply", Seq: 1}, &zoo.Args{A: 6, B: 7}); err != nil {
				return err
			}
			for _, one := range request.Bytes() {
				if _, err := conn.Write([]byte{one}); err != nil {
					return err
				}
			}
			return conn.product(1)
		}), 0},
		{"raw/definitions_that_nothing_uses", raw(func(conn *rawConn) error {
			// The second value of a type comes without its definition, so this one sends definitions
			// to the server and keeps the value.
			var definitions bytes.Buffer
			spare := gob.NewEncoder(&definitions)
			if err := spare.Encode(&zoo.Stranger{Hat: "h"}); err != nil {
				return err
			}
			size := int(definitions.Bytes()[0]) + 1
			if _, err := conn.Write(definitions.Bytes()[:size]); err != nil {
				return err
			}
			return conn.multiply(2)
		}), 0},
		{"raw/half_close_is_answered_to_the_end", raw(halfClose), 0},
		{"raw/garbage_ends_only_its_connection", func(s *suite) error {
			for _, garbage := range []string{"\x05\xff\xff\xff\xff\xff", "\x03\x04\x00\x00", "\xf8\xff\xff\xff\xff\xff\xff\xff\xff", "\xff", "\x0a\xff\x81\x03"} {
				conn, err := s.server.connect()
				if err != nil {
					return err
				}
				if _, err := io.WriteString(conn, garbage); err != nil {
					return err
				}
				conn.Close()
			}
			return alone(works)(s)
		}, 0},
		{"raw/a_request_cut_short_runs_nothing", func(s *suite) error {
			var request bytes.Buffer
			if err := encode(gob.NewEncoder(&request), &rpc.Request{ServiceMethod: "Zoo.Slow", Seq: 1}, 60000); err != nil {
				return err
			}
			conn, err := s.server.connect()
			if err != nil {
				return err
			}
			defer conn.Close()
			if _, err := conn.Write(request.Bytes()[:request.Len()-1]); err != nil {
				return err
			}
			if err := halfClosed(conn); err != nil {
				return err
			}
			// An error reply is welcome, and so is the end at once.
			var response rpc.Response
			if err := gob.NewDecoder(conn).Decode(&response); err == nil && response.Error == "" {
				return fmt.Errorf("got %+v, expected an error or the end", response)
			}
			return alone(works)(s)
		}, 0},
	}
}

// rawConn is a connection whose headers and bodies the check writes itself.
type rawConn struct {
	net.Conn
	encoder *gob.Encoder
	decoder *gob.Decoder
}

func raw(run func(*rawConn) error) func(*suite) error {
	return func(s *suite) error {
		conn, err := s.server.connect()
		if err != nil {
			return err
		}
		defer conn.Close()
		return run(&rawConn{conn, gob.NewEncoder(conn), gob.NewDecoder(conn)})
	}
}

func encode(encoder *gob.Encoder, header, body any) error {
	if err := encoder.Encode(header); err != nil {
		return err
	}
	return encoder.Encode(body)
}

func (c *rawConn) send(header, body any) error { return encode(c.encoder, header, body) }

func (c *rawConn) receive() (response rpc.Response, product int, err error) {
	if err = c.decoder.Decode(&response); err == nil && response.Error != "" {
		err = errors.New(response.Error)
	}
	if err == nil {
		err = c.decoder.Decode(&product)
	}
	return
}

// product receives the answer to 6 × 7.
func (c *rawConn) product(sequence uint64) error {
	response, product, err := c.receive()
	if err != nil {
		return err
	}
	if response.Seq != sequence || response.ServiceMethod != "Arith.Multiply" || product != 42 {
		return fmt.Errorf("got %+v and %d, expected the answer 42 to call %d", response, product, sequence)
	}
	return nil
}

func (c *rawConn) multiply(sequence uint64) error {
	if err := c.send(&rpc.Request{ServiceMethod: "Arith.Multiply", Seq: sequence}, &zoo.Args{A: 6, B: 7}); err != nil {
		return err
	}
	return c.product(sequence)
}

// halfClose stops writing with calls running: they are answered, then the server ends the connection.
func halfClose(conn *rawConn) error {
	for i := uint64(0); i < 5; i++ {
		if err := conn.send(&rpc.Request{ServiceMethod: "Zoo.Slow", Seq: i}, 100*int(i)); err != nil {
			return err
		}
	}
	if err := halfClosed(conn.Conn); err != nil {
		return err
	}
	answered := map[uint64]bool{}
	for i := 0; i < 5; i++ {
		response, waited, err := conn.receive()
		if err != nil {
			return fmt.Errorf("after %d of 5 replies: %w", i, err)
		}
		if uint64(waited) != 100*response.Seq {
			return fmt.Errorf("got %d for call %d, expected %d", waited, response.Seq, 100*response.Seq)
		}
		answered[response.Seq] = true
	}
	if len(answered) != 5 {
		return fmt.Errorf("got replies to %d calls, expected 5", len(answered))
	}
	if _, _, err := conn.receive(); err != io.EOF {
		return fmt.Errorf("got %v after the last reply, expected the end", err)
	}
	return nil
}

func halfClosed(conn net.Conn) error {
	return conn.(interface{ CloseWrite() error }).CloseWrite()
}
