// Finds servers of Arith in a registry of the family, and calls each of them.
//
// It prints `ADDRESS: 6 * 7 = 42` for each, and ends with status 1 if there is none or one does not answer.
package main

import (
	"flag"
	"fmt"
	"log"
	"time"

	"ferrywire.test/interop/wgrpc"
	"ferrywire.test/interop/zoo"
)

func main() {
	registry := flag.String("registry", "", "the registry, such as http://HOST:PORT/wgrpc/registry")
	name := flag.String("family", "wgrpc", "whose registry and client this is: wgrpc or geerpc")
	flag.Parse()
	log.SetPrefix("wgrpcfind: ")
	log.SetFlags(0)

	family, err := wgrpc.Named(*name)
	must(err)
	servers, err := wgrpc.Servers(*registry, family)
	must(err)
	if len(servers) == 0 {
		log.Fatal("no server is registered")
	}
	for _, server := range servers {
		place, err := wgrpc.AsPlace(server)
		must(err)
		client, err := wgrpc.Dial(place, family, wgrpc.Option{MagicNumber: family.Magic, CodecType: wgrpc.Gob})
		must(err)
		// The family's servers lose a request that comes in one segment with the Option.
		time.Sleep(100 * time.Millisecond)
		var product int
		must(client.Call("Arith.Multiply", &zoo.Args{A: 6, B: 7}, &product))
		fmt.Printf("%s: 6 * 7 = %d\n", server, product)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
