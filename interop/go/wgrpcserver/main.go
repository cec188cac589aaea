// A server of the WgRPC and GeeRPC conversation that offers the services Arith and Zoo.
//
// It prints `listening on ADDRESS` once it can be dialled, and ends when its input closes.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"ferrywire.test/interop/wgrpc"
	"ferrywire.test/interop/zoo"
)

func main() {
	listen := flag.String("listen", "tcp://127.0.0.1:0", "where to listen: tcp://HOST:PORT or unix:///PATH")
	name := flag.String("family", "wgrpc", "whose tunnel is opened: wgrpc or geerpc")
	overHTTP := flag.Bool("http", false, "expect an HTTP CONNECT in front of every conversation")
	registry := flag.String("registry", "", "where to register, such as http://HOST:PORT/wgrpc/registry")
	beat := flag.Duration("beat", 4*time.Minute, "how often to register again")
	flag.Parse()
	log.SetPrefix("wgrpcserver: ")
	log.SetFlags(0)

	family, err := wgrpc.Named(*name)
	must(err)
	server := wgrpc.NewServer(family)
	server.Register("Arith", zoo.Arith{})
	server.Register("Zoo", new(zoo.Service))

	place, err := url.Parse(*listen)
	must(err)
	at := place.Host
	if place.Scheme == "unix" {
		at = place.Path
	}
	listener, err := net.Listen(place.Scheme, at)
	must(err)
	if *overHTTP {
		mux := http.NewServeMux()
		mux.Handle(family.Path, server)
		go func() { _ = http.Serve(listener, mux) }()
	} else {
		go accept(listener, server)
	}

	if *registry != "" {
		address := fmt.Sprintf("%s@%s", listener.Addr().Network(), listener.Addr())
		go wgrpc.Beat(*registry, family, address, *beat, func(err error) {
			if err != nil {
				log.Print(err)
			}
		})
	}
	fmt.Printf("listening on %s://%s\n", listener.Addr().Network(), listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
	must(listener.Close())
}

func accept(listener net.Listener, server *wgrpc.Server) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go server.Serve(conn)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
