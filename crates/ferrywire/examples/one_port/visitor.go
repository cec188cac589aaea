// A visitor calls Arith.Multiply(6, 7) in one of the tongues of Go programs, and prints the answer:
//
//	go run visitor.go netrpc|jsonrpc|dialhttp|wgrpc|gomorpc|batch HOST:PORT
//
// It needs the standard library alone. Nothing in it knows what serves it.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"time"
)

// Args is what is multiplied.
type Args struct{ A, B int }

func main() {
	visits := map[string]func(address string) (int, error){
		"netrpc": func(address string) (int, error) {
			client, err := rpc.Dial("tcp", address)
			return called(client, err)
		},
		"jsonrpc": func(address string) (int, error) {
			client, err := jsonrpc.Dial("tcp", address)
			return called(client, err)
		},
		"dialhttp": func(address string) (int, error) {
			client, err := rpc.DialHTTP("tcp", address)
			return called(client, err)
		},
		"wgrpc":   wgrpc,
		"gomorpc": gomorpc,
		"batch":   batch,
	}
	if len(os.Args) != 3 || visits[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: visitor netrpc|jsonrpc|dialhttp|wgrpc|gomorpc|batch HOST:PORT")
		os.Exit(2)
	}
	product, err := visits[os.Args[1]](os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(product)
}

// called asks with the client of net/rpc.
func called(client *rpc.Client, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var product int
	err = client.Call("Arith.Multiply", &Args{6, 7}, &product)
	return product, err
}

// dial connects for one conversation, which does not last.
func dial(address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return conn, err
}

// wgrpc is a client of the GeeRPC family that sends its Option and its first request in one segment.
func wgrpc(address string) (int, error) {
	type header struct {
		ServiceMethod string
		Seq           uint64
		Error         string
	}
	conn, err := dial(address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	segment := bufio.NewWriter(conn)
	fmt.Fprintln(segment, `{"MagicNumber":57775718,"CodecType":"application/gob","ConnectTimeout":10000000000,"HandleTimeout":0}`)
	request := gob.NewEncoder(segment)
	for _, value := range []any{&header{ServiceMethod: "Arith.Multiply", Seq: 1}, &Args{6, 7}} {
		if err := request.Encode(value); err != nil {
			return 0, err
		}
	}
	if err := segment.Flush(); err != nil {
		return 0, err
	}
	reply, answered, product := gob.NewDecoder(conn), header{}, 0
	if err := reply.Decode(&answered); err != nil {
		return 0, err
	}
	if answered.Seq != 1 || answered.Error != "" {
		return 0, fmt.Errorf("answered %+v", answered)
	}
	err = reply.Decode(&product)
	return product, err
}

// gomorpc sends its 34 bytes of JSON, and behind them lengths and protobuf messages.
func gomorpc(address string) (int, error) {
	conn, err := dial(address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// MHeader{service: "Arith", method: "Multiply"}, and a message with 6 in its first field and 7 in its second.
	header, message := "\x0a\x05Arith\x12\x08Multiply", "\x08\x06\x10\x07"
	segment := []byte(`{"MagicNumber":21913,"CodeType":0}`)
	for _, part := range []string{header, message} {
		segment = binary.BigEndian.AppendUint32(segment, uint32(len(part)))
		segment = append(segment, part...)
	}
	if _, err := conn.Write(segment); err != nil {
		return 0, err
	}
	parts := [2][]byte{}
	for i := range parts {
		var length uint32
		if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
			return 0, err
		}
		if length > 64 {
			return 0, fmt.Errorf("answered with a part of %d bytes", length)
		}
		parts[i] = make([]byte, length)
		if _, err := io.ReadFull(conn, parts[i]); err != nil {
			return 0, err
		}
	}
	// The header comes back as it was, and the product is in the first field.
	if string(parts[0]) != header || len(parts[1]) != 2 || parts[1][0] != 0x08 {
		return 0, fmt.Errorf("answered %q", parts)
	}
	return int(parts[1][1]), nil
}

// batch sends a notification and two requests of JSON-RPC 2.0 at once.
func batch(address string) (int, error) {
	conn, err := dial(address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_, err = fmt.Fprint(conn, `[
		{"jsonrpc":"2.0","method":"Arith.Multiply","params":{"a":0,"b":0}},
		{"jsonrpc":"2.0","method":"Arith.Multiply","params":{"a":6,"b":7},"id":"named"},
		{"jsonrpc":"2.0","method":"Arith.Multiply","params":[6,7],"id":"positional"}
	]`)
	if err != nil {
		return 0, err
	}
	var replies []struct {
		Result int
		ID     string
	}
	if err := json.NewDecoder(conn).Decode(&replies); err != nil {
		return 0, err
	}
	if len(replies) != 2 || replies[0].Result != replies[1].Result || replies[0].ID == replies[1].ID {
		return 0, fmt.Errorf("answered %+v", replies)
	}
	return replies[0].Result, nil
}
