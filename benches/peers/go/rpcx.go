package main

import (
	"context"
	"net"

	"github.com/smallnest/rpcx/client"
	rpcxlog "github.com/smallnest/rpcx/log"
	"github.com/smallnest/rpcx/protocol"
	"github.com/smallnest/rpcx/server"

	"ferrywire.test/benches/support"
)

// rpcxPeer is rpcx without a codec, its server with a handler of bytes, which needs no reflection.
func rpcxPeer() support.Peer {
	rpcxlog.SetDummyLogger()
	return support.Peer{
		Serve: func() (string, error) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return "", err
			}
			rpcx := server.NewServer()
			rpcx.AddHandler("Echo", "Say", func(ctx *server.Context) error { return ctx.Write(ctx.Payload()) })
			go rpcx.ServeListener("tcp", listener)
			return listener.Addr().String(), nil
		},
		Connect: func(address string) (support.Connection, error) {
			option := client.DefaultOption
			option.SerializeType = protocol.SerializeNone
			connection := rpcxConnection{client.NewClient(option)}
			return connection, connection.Connect("tcp", address)
		},
	}
}

type rpcxConnection struct{ *client.Client }

func (connection rpcxConnection) Call(payload []byte) (reply []byte, err error) {
	err = connection.Client.Call(context.Background(), "Echo", "Say", payload, &reply)
	return reply, err
}
