package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"net/rpc"
	"sync"
	"time"

	"ferrywire.test/interop/zoo"
)

// manyChecks have several calls, or several connections, at once.
func manyChecks() []check {
	return []check{
		{"many/a_fast_reply_overtakes_a_slow_one", on(overtaking), 0},
		{"many/10_slow_calls_run_side_by_side", on(sideBySide), 0},
		{"many/1000_large_calls_at_once", on(largeCalls), 2 * time.Minute},
		{"many/10000_small_calls_at_once", on(smallCalls), 2 * time.Minute},
		{"many/errors_and_replies_mixed", on(mixed), 0},
		{"many/new_types_late_on_a_connection", alone(lateTypes), 0},
		{"many/50_connections", connections, 0},
		{"many/8_goroutines_of_nonces", nonces(8, 100), 0},
		{"end/close_with_a_call_waiting", alone(closeWaiting), 0},
		{"end/100_connections_that_say_nothing", silent, 0},
	}
}

func overtaking(client *rpc.Client) error {
	done := make(chan *rpc.Call, 2)
	var slow, fast int
	client.Go("Zoo.Slow", 300, &slow, done)
	client.Go("Arith.Multiply", &zoo.Args{A: 6, B: 7}, &fast, done)

	var order []string
	for i := 0; i < 2; i++ {
		call := <-done
		if call.Error != nil {
			return call.Error
		}
		order = append(order, call.ServiceMethod)
	}
	if err := zoo.Differ(order, []string{"Arith.Multiply", "Zoo.Slow"}); err != nil {
		return err
	}
	return zoo.Differ([]int{slow, fast}, []int{300, 42})
}

func sideBySide(client *rpc.Client) error {
	began := time.Now()
	done := make(chan *rpc.Call, 10)
	for i := 0; i < 10; i++ {
		client.Go("Zoo.Slow", 1000, new(int), done)
	}
	for i := 0; i < 10; i++ {
		if call := <-done; call.Error != nil {
			return call.Error
		}
	}
	// One after the other they would take ten seconds.
	if took := time.Since(began); took > 6*time.Second {
		return fmt.Errorf("took %s, expected little more than 1s", took)
	}
	return nil
}

func largeCalls(client *rpc.Client) error {
	const count, size = 1000, 65536
	done := make(chan *rpc.Call, count)
	for i := 0; i < count; i++ {
		client.Go("Zoo.Nonce", &zoo.Nonce{Worker: 1, Number: uint64(i), Payload: payload(uint64(i), size)}, new(zoo.Nonce), done)
	}
	for i := 0; i < count; i++ {
		if err := unchanged(<-done); err != nil {
			return err
		}
	}
	return nil
}

func smallCalls(client *rpc.Client) error {
	const count = 10000
	done := make(chan *rpc.Call, count)
	for i := 0; i < count; i++ {
		client.Go("Arith.Multiply", &zoo.Args{A: i, B: 3}, new(int), done)
	}
	for i := 0; i < count; i++ {
		call := <-done
		if call.Error != nil {
			return call.Error
		}
		if got, expected := *call.Reply.(*int), call.Args.(*zoo.Args).A*3; got != expected {
			return fmt.Errorf("got %d, expected %d", got, expected)
		}
	}
	return nil
}

func mixed(client *rpc.Client) error {
	const count = 300
	done := make(chan *rpc.Call, count)
	for i := 0; i < count; i++ {
		client.Go("Arith.Divide", &zoo.Args{A: i, B: i % 3}, new(zoo.Quotient), done)
	}
	for i := 0; i < count; i++ {
		call := <-done
		args := call.Args.(*zoo.Args)
		if args.B == 0 {
			if call.Error == nil || call.Error.Error() != "divide by zero" {
				return fmt.Errorf("got %v, expected `divide by zero`", call.Error)
			}
			continue
		}
		if call.Error != nil {
			return call.Error
		}
		if err := zoo.Differ(*call.Reply.(*zoo.Quotient), zoo.Quotient{Quo: args.A / args.B, Rem: args.A % args.B}); err != nil {
			return err
		}
	}
	return nil
}

// lateTypes meets types for the first time after many calls, in both directions, with calls in flight.
func lateTypes(client *rpc.Client) error {
	for i := 0; i < 200; i++ {
		if err := works(client); err != nil {
			return err
		}
	}
	waiting := client.Go("Zoo.Slow", 200, new(int), nil)
	var shape any = zoo.Crate{Content: zoo.Label{Text: "late"}}
	if err := expect(client, "Zoo.Any", &shape, zoo.AnyAnswer(shape)); err != nil {
		return err
	}
	maps := zoo.MapsValue()
	if err := expect(client, "Zoo.Maps", &maps, zoo.MapsAnswer(maps)); err != nil {
		return err
	}
	shape = zoo.Crate{Content: &zoo.Square{Side: 2}}
	if err := expect(client, "Zoo.Any", &shape, zoo.AnyAnswer(shape)); err != nil {
		return err
	}
	if call := <-waiting.Done; call.Error != nil {
		return call.Error
	}
	return works(client)
}

func connections(s *suite) error {
	results := make(chan error, 50)
	for i := 0; i < cap(results); i++ {
		go func() {
			results <- alone(func(client *rpc.Client) error {
				for i := 0; i < 10; i++ {
					if err := works(client); err != nil {
						return err
					}
				}
				tree := zoo.TreeValue()
				return expect(client, "Zoo.Tree", &tree, zoo.TreeAnswer(tree))
			})(s)
		}()
	}
	for i := 0; i < cap(results); i++ {
		if err := <-results; err != nil {
			return err
		}
	}
	return nil
}

// nonces has goroutines that share a connection and check that each reply is their own.
func nonces(workers, calls int) func(*suite) error {
	return alone(func(client *rpc.Client) error {
		var running sync.WaitGroup
		results := make(chan error, workers)
		for worker := 0; worker < workers; worker++ {
			worker := uint64(worker)
			running.Add(1)
			go func() {
				defer running.Done()
				sizes := rand.New(rand.NewSource(int64(worker)))
				for i := 0; i < calls; i++ {
					sent := &zoo.Nonce{Worker: worker, Number: sizes.Uint64(), Payload: payload(worker, sizes.Intn(512))}
					call := <-client.Go("Zoo.Nonce", sent, new(zoo.Nonce), make(chan *rpc.Call, 1)).Done
					if err := unchanged(call); err != nil {
						results <- err
						return
					}
				}
			}()
		}
		running.Wait()
		close(results)
		return <-results
	})
}

func unchanged(call *rpc.Call) error {
	if call.Error != nil {
		return call.Error
	}
	sent, got := call.Args.(*zoo.Nonce), call.Reply.(*zoo.Nonce)
	if got.Worker != sent.Worker || got.Number != sent.Number || !bytes.Equal(got.Payload, sent.Payload) {
		return fmt.Errorf("got the nonce %d/%d and %d bytes, expected %d/%d and %d bytes",
			got.Worker, got.Number, len(got.Payload), sent.Worker, sent.Number, len(sent.Payload))
	}
	return nil
}

func payload(seed uint64, size int) []byte {
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = byte(seed*31 + uint64(i))
	}
	return bytes
}

func closeWaiting(client *rpc.Client) error {
	waiting := client.Go("Zoo.Slow", 2000, new(int), nil)
	if err := works(client); err != nil {
		return err
	}
	client.Close()
	if call := <-waiting.Done; call.Error == nil {
		return errors.New("got a reply after Close, expected an error")
	}
	if err := client.Call("Arith.Multiply", &zoo.Args{}, new(int)); err != rpc.ErrShutdown {
		return fmt.Errorf("got %v after Close, expected `%v`", err, rpc.ErrShutdown)
	}
	return nil
}

// silent opens and closes connections, as the health checks of proxies do.
func silent(s *suite) error {
	for i := 0; i < 100; i++ {
		conn, err := s.server.connect()
		if err != nil {
			return err
		}
		conn.Close()
	}
	return alone(works)(s)
}
