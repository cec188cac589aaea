package main

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/connpool"
	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/cloudwego/kitex/server"

	"ferrywire.test/benches/support"
	"ferrywire.test/peers/kitex_gen/echo"
	service "ferrywire.test/peers/kitex_gen/echo/echo"
)

type kitexParrot struct{}

func (*kitexParrot) Say(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }

// kitexMuxPeer sends many calls over one connection.
func kitexMuxPeer() support.Peer {
	return kitexPeer(client.WithMuxConnection(1), server.WithMuxTransport())
}

// kitexPoolPeer has a connection for each call in flight.
func kitexPoolPeer() support.Peer {
	return kitexPeer(client.WithLongConnection(connpool.IdleConfig{
		MaxIdlePerAddress: 20_000,
		MaxIdleGlobal:     20_000,
		MaxIdleTimeout:    time.Hour,
	}))
}

func kitexPeer(clientOption client.Option, serverOptions ...server.Option) support.Peer {
	klog.SetLevel(klog.LevelError)
	return support.Peer{
		Serve: func() (string, error) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return "", err
			}
			options := append(serverOptions, server.WithListener(listener))
			go service.NewServer(&kitexParrot{}, options...).Run()
			return listener.Addr().String(), nil
		},
		Connect: func(address string) (support.Connection, error) {
			client, err := client.NewClient(service.NewServiceInfoForClient(),
				client.WithDestService("echo"), client.WithHostPorts(address), clientOption)
			return kitexConnection{client}, err
		},
	}
}

// kitexConnection does what the client that kitex makes from echo.thrift does; that one could not be closed.
type kitexConnection struct{ client.Client }

func (connection kitexConnection) Call(payload []byte) ([]byte, error) {
	var result echo.EchoSayResult
	err := connection.Client.Call(context.Background(), "Say", &echo.EchoSayArgs{Payload: payload}, &result)
	return result.GetSuccess(), err
}

func (connection kitexConnection) Close() error {
	return connection.Client.(io.Closer).Close()
}
