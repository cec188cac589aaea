package main

import (
	"context"
	"net"
	"runtime"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"ferrywire.test/benches/support"
	"ferrywire.test/peers/grpc_gen"
)

const (
	// Windows that a message of 1 MiB fits into; they grow to that by themselves, and end below it.
	streamWindow     = 4 << 20
	connectionWindow = 8 << 20
	// The default is 4 MiB.
	messageLenMax = 16 << 20
)

type grpcParrot struct {
	grpc_gen.UnimplementedEchoServer
}

func (grpcParrot) Say(_ context.Context, payload *grpc_gen.Payload) (*grpc_gen.Payload, error) {
	return payload, nil
}

func grpcPeer() support.Peer {
	return support.Peer{
		Serve: func() (string, error) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return "", err
			}
			server := grpc.NewServer(
				grpc.InitialWindowSize(streamWindow),
				grpc.InitialConnWindowSize(connectionWindow),
				grpc.MaxRecvMsgSize(messageLenMax),
				// One for each CPU is what it recommends, in place of a goroutine for each call.
				grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))),
			)
			grpc_gen.RegisterEchoServer(server, grpcParrot{})
			go server.Serve(listener)
			return listener.Addr().String(), nil
		},
		Connect: func(address string) (support.Connection, error) {
			connection, err := grpc.NewClient("passthrough:///"+address,
				grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithInitialWindowSize(streamWindow),
				grpc.WithInitialConnWindowSize(connectionWindow),
				grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLenMax)),
			)
			if err != nil {
				return nil, err
			}
			return grpcConnection{connection, grpc_gen.NewEchoClient(connection)}, nil
		},
	}
}

type grpcConnection struct {
	*grpc.ClientConn
	client grpc_gen.EchoClient
}

func (connection grpcConnection) Call(payload []byte) ([]byte, error) {
	reply, err := connection.client.Say(context.Background(), &grpc_gen.Payload{Data: payload})
	return reply.GetData(), err
}
