package main

import (
	"context"
	"net"

	"github.com/lesismal/arpc"
	arpclog "github.com/lesismal/arpc/log"

	"ferrywire.test/benches/support"
)

// arpcPeer is arpc as it comes. It switches Nagle's algorithm on, so that the kernel puts calls together.
func arpcPeer() support.Peer {
	return arpcPeerWith(func(arpc.Handler) {})
}

// arpcNoDelayPeer is arpc without that; it puts calls together itself then, up to a limit that is 0 unless set.
func arpcNoDelayPeer() support.Peer {
	return arpcPeerWith(func(handler arpc.Handler) {
		handler.HandleConnected(func(client *arpc.Client) { client.Conn.(*net.TCPConn).SetNoDelay(true) })
		handler.SetSendBufferSize(64 << 10)
	})
}

func arpcPeerWith(set func(arpc.Handler)) support.Peer {
	arpclog.SetLevel(arpclog.LevelNone)
	arpc.DefaultHandler.EnablePool(true)
	set(arpc.DefaultHandler)
	return support.Peer{
		Serve: func() (string, error) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return "", err
			}
			server := arpc.NewServer()
			// In the goroutine that reads the connection: nothing is waited for.
			server.Handler.Handle("/echo", func(ctx *arpc.Context) { ctx.Write(ctx.Body()) }, false)
			go server.Serve(listener)
			return listener.Addr().String(), nil
		},
		Connect: func(address string) (support.Connection, error) {
			client, err := arpc.NewClient(func() (net.Conn, error) { return net.Dial("tcp", address) })
			return arpcConnection{client}, err
		},
	}
}

type arpcConnection struct{ *arpc.Client }

// Call has no timeout, so that there is no timer.
func (connection arpcConnection) Call(payload []byte) (reply []byte, err error) {
	err = connection.CallWith(context.Background(), "/echo", payload, &reply)
	return reply, err
}

func (connection arpcConnection) Close() error {
	connection.Stop()
	return nil
}
