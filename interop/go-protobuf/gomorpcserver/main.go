// A server of gomorpc that offers the service Messages.
//
// It prints `listening on ADDRESS` once it can be dialled, and ends when its input closes.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"ferrywire.test/interop/protobuf/gomorpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Messages is what programs ask each other, as they are in Rust too.
type Messages struct{}

// Double is twice the number.
func (*Messages) Double(argument, reply *wrapperspb.Int64Value) { reply.Value = 2 * argument.Value }

// Text is the text with a word behind it.
func (*Messages) Text(argument, reply *wrapperspb.StringValue) {
	reply.Value = argument.Value + "--ret"
}

// Bytes are the bytes, the last first.
func (*Messages) Bytes(argument, reply *wrapperspb.BytesValue) {
	reply.Value = make([]byte, len(argument.Value))
	for at, value := range argument.Value {
		reply.Value[len(argument.Value)-1-at] = value
	}
}

// Nothing takes and gives nothing.
func (*Messages) Nothing(argument, reply *emptypb.Empty) {}

// Slow takes so many milliseconds; half of its reply is there at once.
func (*Messages) Slow(argument, reply *wrapperspb.StringValue) {
	reply.Value = "half"
	wait, _ := time.ParseDuration(argument.Value)
	time.Sleep(wait)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to listen: HOST:PORT")
	flag.Parse()
	log.SetPrefix("gomorpcserver: ")
	log.SetFlags(0)

	server := gomorpc.NewServer()
	server.Register(new(Messages))
	listener, err := net.Listen("tcp", *listen)
	must(err)
	go server.Accept(listener)

	fmt.Printf("listening on tcp://%s\n", listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
	must(listener.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
