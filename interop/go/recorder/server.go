package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"os/exec"
	"strings"

	"ferrywire.test/interop/zoo"
)

// Gate has calls that end when the recorder says so, which makes the order of replies certain.
type Gate struct {
	opened chan struct{}
	waits  chan struct{}
}

// Wait answers its argument once the gate is opened.
func (g *Gate) Wait(arg int, reply *int) error {
	g.waits <- struct{}{}
	<-g.opened
	*reply = arg
	return nil
}

// Waits returns once a call of Wait runs.
func (g *Gate) Waits(arg int, reply *int) error {
	<-g.waits
	return nil
}

// Note has an interface value between two fields.
type Note struct {
	Before  int
	Content any
	After   int
}

// Note answers what it is given, its content changed as by Zoo.Any.
func (g *Gate) Note(arg *Note, reply *Note) error {
	*reply = Note{arg.Before, zoo.AnyAnswer(arg.Content), arg.After}
	return nil
}

// serve offers everything on two listeners, one of them for HTTP. Each line of its input opens the
// gate for one call.
func serve() {
	gate := &Gate{make(chan struct{}), make(chan struct{}, 1)}
	must(rpc.Register(zoo.Arith{}))
	must(rpc.RegisterName("Zoo", new(zoo.Service)))
	must(rpc.Register(gate))
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go rpc.Accept(raw)
	rpc.HandleHTTP()
	go func() { must(http.Serve(web, nil)) }()

	fmt.Printf("%s %s\n", raw.Addr(), web.Addr())
	lines := bufio.NewReader(os.Stdin)
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			return
		}
		gate.opened <- struct{}{}
	}
}

// running is the server of a conversation, in a process of its own.
type running struct {
	process *exec.Cmd
	input   io.WriteCloser
	address string
}

func startServer(connect bool) *running {
	process := exec.Command(os.Args[0], "-serve")
	process.Stderr = io.Discard
	input, err := process.StdinPipe()
	must(err)
	output, err := process.StdoutPipe()
	must(err)
	must(process.Start())
	text, err := bufio.NewReader(output).ReadString('\n')
	must(err)
	addresses := strings.Fields(text)
	if connect {
		return &running{process, input, addresses[1]}
	}
	return &running{process, input, addresses[0]}
}

// open lets one call of Gate.Wait go.
func (r *running) open() {
	_, err := io.WriteString(r.input, "open\n")
	must(err)
}

func (r *running) stop() {
	must(r.input.Close())
	must(r.process.Wait())
}
