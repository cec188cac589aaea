package main

import (
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"reflect"

	"ferrywire.test/interop/zoo"
)

// A conversation either calls through Go's client or writes to the connection itself.
type conversation struct {
	name  string
	hold  func(*talk)
	write func(place string, connect bool, server *running, tape *tape)
}

var conversations = []conversation{
	{name: "first and later calls", hold: func(t *talk) {
		t.call("Arith.Multiply", &zoo.Args{A: 7, B: 8}, new(int))
		t.call("Arith.Multiply", &zoo.Args{}, new(int))
		t.call("Arith.Divide", &zoo.Args{A: 17, B: 5}, new(zoo.Quotient))
		t.call("Zoo.Text", zoo.TextValue(), new(string))
		t.call("Zoo.Numbers", 1, new([]int))
		t.call("Zoo.Nothing", &zoo.Empty{}, new(zoo.Empty))
	}},
	{name: "error replies", hold: func(t *talk) {
		t.call("Arith.Divide", &zoo.Args{A: 17}, new(zoo.Quotient))
		t.call("Arith.Divide", &zoo.Args{A: 17}, new(zoo.Quotient))
		t.call("Zoo.Fail", "first line\nsecond line, 100%", new(int))
		t.call("Zoo.FailRaw", 1, new(int))
		t.call("Zoo.Fail", "", new(int))
		t.call("Arith.Divide", &zoo.Args{A: 17, B: 5}, new(zoo.Quotient))
	}},
	{name: "unknown names", hold: func(t *talk) {
		t.call("Nope.Divide", &zoo.Args{A: 17, B: 5}, new(int))
		t.call("Arith.Nope", &zoo.Args{A: 17, B: 5}, new(int))
		t.call("nodot", &zoo.Args{A: 17, B: 5}, new(int))
		t.call("Arith.Multiply", &zoo.Args{A: 17, B: 5}, new(int))
	}},
	{name: "wrong types", hold: func(t *talk) {
		t.call("Arith.Multiply", "text", new(int))
		t.call("Arith.Multiply", &zoo.Stranger{Hat: "top"}, new(int))
		t.call("Zoo.Narrow", 300, new(int8))
		t.call("Arith.Multiply", &zoo.Args{A: 6, B: 7}, new(int))
	}},
	{name: "interface values that split messages", hold: func(t *talk) {
		t.note(zoo.Circle{Radius: 1.5})
		t.note(zoo.Circle{Radius: 2.5})
		t.note(&zoo.Square{Side: 3})
		t.note(42)
		t.note(nil)
		t.note(zoo.Crate{Content: zoo.Label{Text: "tag"}})
		t.note(zoo.Crate{Content: zoo.Crate{Content: zoo.Label{Text: "again"}}})
		var shape any = zoo.Label{Text: "at the top"}
		t.call("Zoo.Any", &shape, new(any))
	}},
	{name: "an interface value within an interface value, both new", hold: func(t *talk) {
		t.note(zoo.Crate{Content: zoo.Crate{Content: &zoo.Square{Side: 8}}})
	}},
	{name: "structs, lists and trees", hold: func(t *talk) {
		t.call("Zoo.Nested", reference(zoo.NestedValue()), new(zoo.Outer))
		t.call("Zoo.List", reference(zoo.ListValue()), new(zoo.List))
		t.call("Zoo.Tree", reference(zoo.TreeValue()), new(zoo.Tree))
		t.call("Zoo.Grid", zoo.GridValue(), new([][]int))
		t.call("Zoo.Scalars", reference(zoo.ScalarsValue()), new(zoo.Scalars))
		t.call("Zoo.Pointers", reference(zoo.PointersValue()), new(zoo.Pointers))
		t.call("Zoo.Embedded", reference(zoo.EmbeddedValue()), new(zoo.Dog))
	}},
	{name: "times, big integers and marshalers", hold: func(t *talk) {
		t.call("Zoo.Times", reference(zoo.TimesValue()), new(zoo.Times))
		t.call("Zoo.BigInts", reference(zoo.BigIntsValue()), new(zoo.BigInts))
		t.call("Zoo.Marshalers", reference(zoo.MarshalersValue()), new(zoo.Marshalers))
		t.call("Zoo.Links", reference(zoo.LinksValue()), new(zoo.Links))
	}},
	{name: "other versions of a type", hold: func(t *talk) {
		t.call("Zoo.Account", reference(zoo.AccountV1Value()), new(zoo.AccountV1))
		t.call("Zoo.Account", reference(zoo.AccountV2Value()), new(zoo.AccountV2))
		t.call("Zoo.Account", reference(zoo.AccountV3Value()), new(zoo.AccountV3))
	}},
	{name: "replies in another order than requests", hold: func(t *talk) {
		t.tape.say("Gate.Wait 7, which waits")
		waiting := t.client.Go("Gate.Wait", 7, new(int), nil)
		t.tape.until("C->S", "")
		t.call("Gate.Waits", 0, new(int))
		t.call("Arith.Multiply", &zoo.Args{A: 7, B: 8}, new(int))
		t.tape.say("Gate.Wait is let go")
		t.server.open()
		t.answered(<-waiting.Done)
		t.call("Arith.Multiply", &zoo.Args{A: 6, B: 7}, new(int))
	}},
	{name: "_goRPC_.Cancel, which a stock server does not know", hold: func(t *talk) {
		t.call("Arith.Multiply", &zoo.Args{A: 7, B: 8}, new(int))
		t.tape.say("Gate.Wait 7, which waits and has the sequence number 1")
		waiting := t.client.Go("Gate.Wait", 7, new(int), nil)
		t.tape.until("C->S", "")
		t.call("Gate.Waits", 0, new(int))
		t.call("_goRPC_.Cancel", &zoo.CancelArgs{Seq: 1}, new(bool))
		t.tape.say("Gate.Wait is let go")
		t.server.open()
		t.answered(<-waiting.Done)
	}},
	{name: "a reply of another type than the caller expects", hold: func(t *talk) {
		t.call("Arith.Multiply", &zoo.Args{A: 7, B: 8}, new(string))
	}},
	{name: "a half-close while a call runs", write: halfClose},
}

// talk is a conversation through Go's client.
type talk struct {
	client *rpc.Client
	server *running
	tape   *tape
}

func (t *talk) call(method string, arg, reply any) {
	t.tape.say("%s %s", method, zoo.Describe(arg))
	t.answered(<-t.client.Go(method, arg, reply, nil).Done)
}

func (t *talk) answered(call *rpc.Call) {
	if call.Error != nil {
		t.tape.say("%s -> error %q", call.ServiceMethod, call.Error.Error())
		return
	}
	t.tape.say("%s -> %s", call.ServiceMethod, zoo.Describe(reflect.ValueOf(call.Reply).Elem().Interface()))
}

func (t *talk) note(content any) {
	t.call("Gate.Note", &Note{1, content, 2}, new(Note))
}

func halfClose(place string, connect bool, server *running, tape *tape) {
	conn, err := net.Dial("tcp", place)
	must(err)
	if connect {
		_, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.0\n\n", rpc.DefaultRPCPath)
		must(err)
		// Exactly the answer's length, so that nothing of what follows is taken.
		_, err = io.ReadFull(conn, make([]byte, len("HTTP/1.0 200 Connected to Go RPC\n\n")))
		must(err)
	}
	tape.say("Gate.Wait 7, which waits")
	encoder := gob.NewEncoder(conn)
	must(encoder.Encode(&rpc.Request{ServiceMethod: "Gate.Wait"}))
	must(encoder.Encode(7))
	must(conn.(*net.TCPConn).CloseWrite())
	tape.until("C->S", "end")
	tape.say("Gate.Wait is let go")
	server.open()
	rest, err := io.ReadAll(conn)
	must(err)
	if len(rest) == 0 {
		must(fmt.Errorf("no reply after the half-close"))
	}
	must(conn.Close())
}

func reference[T any](value T) *T { return &value }
