// Starts the program that its arguments name, and calls its Arith and Zoo over that program's input and
// output, as Go programs speak to their plug-ins.
//
// It prints `ok NAME` or `FAIL NAME: WHY` for each case, then `cases: N passed, M failed`, and ends with
// status 1 if one failed.
package main

import (
	"fmt"
	"io"
	"log"
	"net/rpc"
	"os"
	"os/exec"
	"strings"
	"time"

	"ferrywire.test/interop/zoo"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: parent PROGRAM [ARGUMENT…]")
	}
	child := exec.Command(os.Args[1], os.Args[2:]...)
	child.Stderr = os.Stderr
	input, err := child.StdinPipe()
	must(err)
	output, err := child.StdoutPipe()
	must(err)
	must(child.Start())
	client := rpc.NewClient(pipe{output, input})

	passed, failed := 0, 0
	for _, check := range checks {
		if err := check.run(client); err != nil {
			fmt.Printf("FAIL stdio/%s: %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", `\n`))
			failed++
		} else {
			fmt.Printf("ok stdio/%s\n", check.name)
			passed++
		}
	}
	if err := ends(client, child); err != nil {
		fmt.Printf("FAIL stdio/the_child_ends_with_its_connection: %v\n", err)
		failed++
	} else {
		fmt.Println("ok stdio/the_child_ends_with_its_connection")
		passed++
	}
	fmt.Printf("cases: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// pipe is a connection made of a child's output and input.
type pipe struct {
	io.ReadCloser
	io.WriteCloser
}

// Close closes the child's input only: the child closes its output by ending.
func (p pipe) Close() error { return p.WriteCloser.Close() }

type check struct {
	name string
	run  func(*rpc.Client) error
}

var checks = []check{
	{"multiply", func(client *rpc.Client) error {
		return expect(client, "Arith.Multiply", &zoo.Args{A: 6, B: 7}, 42)
	}},
	{"an_error_leaves_the_connection_usable", func(client *rpc.Client) error {
		err := client.Call("Arith.Divide", &zoo.Args{A: 1, B: 0}, new(zoo.Quotient))
		if err == nil || err.Error() != "divide by zero" {
			return fmt.Errorf("got %v, expected `divide by zero`", err)
		}
		return expect(client, "Arith.Divide", &zoo.Args{A: 17, B: 5}, zoo.Quotient{Quo: 3, Rem: 2})
	}},
	{"an_unknown_method", func(client *rpc.Client) error {
		err := client.Call("Arith.Nope", &zoo.Args{A: 1, B: 0}, new(int))
		if err == nil || err.Error() != "rpc: can't find method Arith.Nope" {
			return fmt.Errorf("got %v, expected `rpc: can't find method Arith.Nope`", err)
		}
		return nil
	}},
	{"scalars", trip("Zoo.Scalars", zoo.ScalarsValue(), zoo.ScalarsAnswer)},
	{"shapes", trip("Zoo.Shapes", zoo.ShapesValue(), zoo.ShapesAnswer)},
	{"times", trip("Zoo.Times", zoo.TimesValue(), zoo.TimesAnswer)},
	{"nil", trip("Zoo.Any", any(nil), zoo.AnyAnswer)},
	{"1_mib_each_way", trip("Zoo.Bytes", zoo.Filled(1<<20), zoo.BytesAnswer)},
	{"3_mib", func(client *rpc.Client) error {
		return expect(client, "Zoo.Fill", 3<<20, zoo.Filled(3<<20))
	}},
	{"1000_calls_at_once", func(client *rpc.Client) error {
		done := make(chan *rpc.Call, 1000)
		for i := 0; i < cap(done); i++ {
			client.Go("Arith.Multiply", &zoo.Args{A: i, B: 3}, new(int), done)
		}
		for i := 0; i < cap(done); i++ {
			call := <-done
			if call.Error != nil {
				return call.Error
			}
			if err := zoo.Differ(*call.Reply.(*int), call.Args.(*zoo.Args).A*3); err != nil {
				return err
			}
		}
		return nil
	}},
	{"a_fast_reply_overtakes_a_slow_one", func(client *rpc.Client) error {
		slow := client.Go("Zoo.Slow", 200, new(int), nil)
		if err := expect(client, "Arith.Multiply", &zoo.Args{A: 6, B: 7}, 42); err != nil {
			return err
		}
		select {
		case <-slow.Done:
			return fmt.Errorf("the slow reply came first")
		default:
		}
		return (<-slow.Done).Error
	}},
}

// ends closes the child's input, with which the child must end by itself.
func ends(client *rpc.Client, child *exec.Cmd) error {
	if err := client.Close(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		child.Process.Kill()
		return fmt.Errorf("it still runs 10s after its input was closed")
	}
}

func trip[T any](method string, value T, follows func(T) T) func(*rpc.Client) error {
	return func(client *rpc.Client) error { return expect(client, method, &value, follows(value)) }
}

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
