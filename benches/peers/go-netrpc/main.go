// Go's own side of the benchmarks: net/rpc with either codec as a peer, and a loop around encoding/gob.
package main

import (
	"log"
	"os"

	"ferrywire.test/benches/support"
)

func main() {
	log.SetFlags(0)
	variant, command := support.Words()
	switch {
	case len(variant) == 1 && variant[0] == "gob":
		support.Run(gobPeer(), command)
	case len(variant) == 1 && variant[0] == "json":
		support.Run(jsonPeer(), command)
	case len(variant) == 1 && variant[0] == "encoding-gob":
		code()
	default:
		log.Fatalf("usage: peer-go-netrpc (gob | json) COMMAND | encoding-gob; found %v", os.Args[1:])
	}
}
