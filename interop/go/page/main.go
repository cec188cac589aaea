// Prints the page of services that Go's own net/rpc shows at /debug/rpc, after one call of
// Arith.Multiply.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/rpc"

	"ferrywire.test/interop/zoo"
)

func main() {
	server := rpc.NewServer()
	must(server.Register(zoo.Arith{}))
	must(server.RegisterName("Zoo", new(zoo.Service)))
	server.HandleHTTP(rpc.DefaultRPCPath, rpc.DefaultDebugPath)

	ours, theirs := net.Pipe()
	go server.ServeConn(theirs)
	must(rpc.NewClient(ours).Call("Arith.Multiply", &zoo.Args{A: 6, B: 7}, new(int)))

	page := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(page, httptest.NewRequest("GET", rpc.DefaultDebugPath, nil))
	fmt.Print(page.Body.String())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
