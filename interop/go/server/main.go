// A net/rpc server of Go's own that offers the services Arith and Zoo.
//
// It prints `listening on ADDRESS` once it can be dialled, and ends when its input closes, so that a
// test that dies leaves no process behind. With -stdio it serves one connection over its input and
// output instead, and ends with it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"net/url"
	"os"

	"ferrywire.test/interop/zoo"
)

func main() {
	listen := flag.String("listen", "tcp://127.0.0.1:0", "where to listen: tcp://HOST:PORT or unix:///PATH")
	withHTTP := flag.Bool("http", false, "answer an HTTP CONNECT on the listener too")
	path := flag.String("path", rpc.DefaultRPCPath, "the path that CONNECT must name")
	inJSON := flag.Bool("json", false, "speak JSON instead of gob")
	stdio := flag.Bool("stdio", false, "serve one connection over standard input and output")
	flag.Parse()
	log.SetPrefix("server: ")
	log.SetFlags(0)

	server := rpc.NewServer()
	must(server.Register(zoo.Arith{}))
	must(server.RegisterName("Zoo", new(zoo.Service)))

	if *stdio {
		server.ServeConn(pipe{os.Stdin, os.Stdout})
		return
	}

	listener, err := listenAt(*listen)
	must(err)
	serve := func(conn net.Conn) { server.ServeConn(conn) }
	if *inJSON {
		serve = func(conn net.Conn) { server.ServeCodec(jsonrpc.NewServerCodec(conn)) }
	}
	if *withHTTP {
		serve = withConnect(server, *path, listener.Addr())
	}
	go accept(listener, serve)

	fmt.Printf("listening on %s://%s\n", listener.Addr().Network(), listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
	must(listener.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// pipe is a connection made of two files.
type pipe struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipe) Close() error {
	if err := p.WriteCloser.Close(); err != nil {
		return err
	}
	return p.ReadCloser.Close()
}

func listenAt(address string) (net.Listener, error) {
	place, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	switch place.Scheme {
	case "tcp":
		return net.Listen("tcp", place.Host)
	case "unix":
		return net.Listen("unix", place.Path)
	}
	return nil, fmt.Errorf("`%s` is not an address: expected tcp://HOST:PORT or unix:///PATH", address)
}

func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

// withConnect tells HTTP from gob by the first four bytes: none of the words below is the length
// and the beginning of a gob message that defines a request.
func withConnect(server *rpc.Server, path string, address net.Addr) func(net.Conn) {
	mux := http.NewServeMux()
	mux.Handle(path, server)
	web := &handedOver{make(chan net.Conn), address}
	go func() { must(http.Serve(web, mux)) }()

	return func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		head, err := reader.Peek(4)
		if err != nil {
			conn.Close()
			return
		}
		peeked := &peekedConn{conn, reader}
		switch string(head) {
		case "CONN", "GET ", "POST", "HEAD", "PUT ":
			web.conns <- peeked
		default:
			server.ServeConn(peeked)
		}
	}
}

// peekedConn is a connection whose first bytes were looked at.
type peekedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (p *peekedConn) Read(into []byte) (int, error) { return p.reader.Read(into) }

// handedOver is a listener whose connections were accepted by another.
type handedOver struct {
	conns   chan net.Conn
	address net.Addr
}

func (h *handedOver) Accept() (net.Conn, error) { return <-h.conns, nil }
func (h *handedOver) Close() error              { return nil }
func (h *handedOver) Addr() net.Addr            { return h.address }
