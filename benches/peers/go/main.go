// The echo over four Go frameworks. The first argument says which, and how it is used; the others are those of every peer.
//
// In one program, all have the 15 MB of heap that kitex fills as it starts. That makes collections rarer, and so the
// other three cheaper than they are alone: by a fifth to a third with payloads of 64 KiB and more, not to be seen with 64 B.
package main

import (
	"log"
	"os"

	"ferrywire.test/benches/support"
)

var peers = map[string]func() support.Peer{
	"arpc":         arpcPeer,
	"arpc-nodelay": arpcNoDelayPeer,
	"grpc":         grpcPeer,
	"kitex-mux":    kitexMuxPeer,
	"kitex-pool":   kitexPoolPeer,
	"rpcx":         rpcxPeer,
}

func main() {
	log.SetFlags(0)
	variant, command := support.Words()
	if len(variant) != 1 || peers[variant[0]] == nil {
		log.Fatalf("expected the name of a framework and a command, found %v", os.Args[1:])
	}
	support.Run(peers[variant[0]](), command)
}
