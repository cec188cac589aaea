// A registry of the family.
//
// It prints `listening on ADDRESS` once it can be asked, and ends when its input closes.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"ferrywire.test/interop/wgrpc"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to listen: HOST:PORT")
	name := flag.String("family", "wgrpc", "whose registry this is: wgrpc or geerpc")
	timeout := flag.Duration("timeout", 5*time.Minute, "how long a server is listed that does not register again")
	flag.Parse()
	log.SetPrefix("wgrpcregistry: ")
	log.SetFlags(0)

	family, err := wgrpc.Named(*name)
	must(err)
	mux := http.NewServeMux()
	mux.Handle(family.Registry, &wgrpc.Registry{Family: family, Timeout: *timeout})
	listener, err := net.Listen("tcp", *listen)
	must(err)
	go func() { _ = http.Serve(listener, mux) }()

	fmt.Printf("listening on tcp://%s\n", listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
