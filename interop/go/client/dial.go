package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"net/url"
	"strings"
)

// server is where to dial, and how.
type server struct {
	network, place string
	// The path that CONNECT names; empty without HTTP.
	path string
	// Whether JSON is spoken instead of gob.
	inJSON bool
}

func serverAt(address string) (server, error) {
	place, err := url.Parse(address)
	if err != nil {
		return server{}, err
	}
	path := place.Path
	if path == "" || path == "/" {
		path = rpc.DefaultRPCPath
	}
	switch place.Scheme {
	case "tcp":
		return server{"tcp", place.Host, "", false}, nil
	case "unix":
		return server{"unix", place.Path, "", false}, nil
	case "http":
		return server{"tcp", place.Host, path, false}, nil
	case "http+unix":
		return server{"unix", place.Path, rpc.DefaultRPCPath, false}, nil
	}
	return server{}, fmt.Errorf("`%s` is not an address: expected tcp://HOST:PORT, unix:///PATH, http://HOST:PORT[/PATH] or http+unix:///PATH", address)
}

// dial connects in the way that Go programs do.
func (s server) dial() (*rpc.Client, error) {
	if s.inJSON {
		return jsonrpc.Dial(s.network, s.place)
	}
	if s.path == "" {
		return rpc.Dial(s.network, s.place)
	}
	return rpc.DialHTTPPath(s.network, s.place, s.path)
}

// connect does the same and leaves the bytes to the caller.
func (s server) connect() (net.Conn, error) {
	conn, err := net.Dial(s.network, s.place)
	if err != nil || s.path == "" {
		return conn, err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.0\n\n", s.path); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"})
	if err != nil {
		return nil, err
	}
	if response.Status != "200 Connected to Go RPC" {
		return nil, fmt.Errorf("got the status `%s`, expected `200 Connected to Go RPC`", response.Status)
	}
	return conn, nil
}

// httpChecks are about the way to a connection, which only HTTP has.
func httpChecks() []check {
	return []check{
		{"http/a_get_on_the_path_is_405", func(s *suite) error {
			status, err := s.server.ask("GET " + s.server.path + " HTTP/1.0\r\n\r\n")
			if err == nil && !strings.HasPrefix(status, "405 ") {
				err = fmt.Errorf("got the status `%s`, expected 405", status)
			}
			return err
		}, 0},
		{"http/a_wrong_path_is_refused", func(s *suite) error {
			client, err := rpc.DialHTTPPath(s.server.network, s.server.place, "/wrong")
			if err == nil {
				client.Close()
				return fmt.Errorf("got a connection at /wrong, expected an error")
			}
			return nil
		}, 0},
		{"http/a_connect_with_headers_and_crlf_is_accepted", func(s *suite) error {
			status, err := s.server.ask("CONNECT " + s.server.path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n\r\n")
			if err == nil && status != "200 Connected to Go RPC" {
				err = fmt.Errorf("got the status `%s`, expected `200 Connected to Go RPC`", status)
			}
			return err
		}, 0},
	}
}

// ask sends the head of a request and answers the status of the response.
func (s server) ask(head string) (string, error) {
	conn, err := net.Dial(s.network, s.place)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(head)); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: strings.Fields(head)[0]})
	if err != nil {
		return "", err
	}
	return response.Status, nil
}
