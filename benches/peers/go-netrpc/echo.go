package main

import (
	"log"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"

	"ferrywire.test/benches/support"
)

// Echo gives back what it is told.
type Echo struct{}

// Say answers with its argument.
func (Echo) Say(payload []byte, reply *[]byte) error {
	*reply = payload
	return nil
}

type connection struct{ *rpc.Client }

func (connection connection) Call(payload []byte) (reply []byte, err error) {
	err = connection.Client.Call("Echo.Say", payload, &reply)
	return reply, err
}

// netRPC is net/rpc as people use it, with one of its two codecs.
func netRPC(serve func(net.Conn), dial func(network, address string) (*rpc.Client, error)) support.Peer {
	return support.Peer{
		Serve: func() (string, error) {
			if err := rpc.Register(Echo{}); err != nil {
				return "", err
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return "", err
			}
			go accept(listener, serve)
			return listener.Addr().String(), nil
		},
		Connect: func(address string) (support.Connection, error) {
			client, err := dial("tcp", address)
			return connection{client}, err
		},
	}
}

func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		stream, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(stream)
	}
}

func gobPeer() support.Peer {
	return netRPC(func(stream net.Conn) { rpc.ServeConn(stream) }, rpc.Dial)
}

func jsonPeer() support.Peer {
	return netRPC(func(stream net.Conn) { jsonrpc.ServeConn(stream) }, jsonrpc.Dial)
}
