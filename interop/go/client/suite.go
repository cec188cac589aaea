package main

import (
	"errors"
	"fmt"
	"net/rpc"
	"time"

	"ferrywire.test/interop/zoo"
)

// suite runs checks against one server. The checks share a connection, so that each meets what the
// ones before it left there; after a failure the next check gets a fresh one.
type suite struct {
	server server
	shared *rpc.Client
}

func (s *suite) run(check check) error {
	within := check.within
	if within == 0 {
		within = 30 * time.Second
	}
	done := make(chan error, 1)
	// A check that is given up keeps its own copy, so that it cannot disturb the ones after it.
	own := *s
	go func() { done <- check.run(&own) }()

	select {
	case err := <-done:
		s.shared = own.shared
		if err != nil {
			s.renew()
		}
		return err
	case <-time.After(within):
		s.shared = nil
		return fmt.Errorf("not done after %s", within)
	}
}

// client is the shared connection.
func (s *suite) client() (*rpc.Client, error) {
	if s.shared == nil {
		client, err := s.server.dial()
		if err != nil {
			return nil, err
		}
		s.shared = client
	}
	return s.shared, nil
}

func (s *suite) renew() {
	if s.shared != nil {
		s.shared.Close()
		s.shared = nil
	}
}

// on wraps a check that works on the shared connection.
func on(run func(*rpc.Client) error) func(*suite) error {
	return func(s *suite) error {
		client, err := s.client()
		if err != nil {
			return err
		}
		return run(client)
	}
}

// alone wraps a check that needs a connection of its own.
func alone(run func(*rpc.Client) error) func(*suite) error {
	return func(s *suite) error {
		client, err := s.server.dial()
		if err != nil {
			return err
		}
		defer client.Close()
		return run(client)
	}
}

// expect calls, and compares the reply.
func expect[T any](client *rpc.Client, method string, arg any, expected T) error {
	var reply T
	if err := client.Call(method, arg, &reply); err != nil {
		return fmt.Errorf("%s: got the error %q, expected a reply", method, err)
	}
	if err := zoo.Differ(reply, expected); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// works makes an ordinary call: whatever happened before, the connection is usable.
func works(client *rpc.Client) error {
	return expect(client, "Arith.Multiply", &zoo.Args{A: 6, B: 7}, 42)
}

// refused calls, and compares the text of the server's error; then the connection must be usable.
func refused(client *rpc.Client, method string, arg any, expected string) error {
	reply := -1
	err := client.Call(method, arg, &reply)
	if err := isRefusal(err); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if err.Error() != expected {
		return fmt.Errorf("%s: got the error %q, expected %q", method, err, expected)
	}
	if reply != -1 {
		return fmt.Errorf("%s: got the reply %d beside the error, expected none", method, reply)
	}
	return works(client)
}

// isRefusal tells an error that the server answered from one of the connection.
func isRefusal(err error) error {
	var answered rpc.ServerError
	if err == nil {
		return errors.New("got a reply, expected an error")
	}
	if !errors.As(err, &answered) {
		return fmt.Errorf("got the error %q of the connection, expected one of the server", err)
	}
	if answered == "" {
		return errors.New("got an error without text")
	}
	return nil
}
