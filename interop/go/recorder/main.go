// Records what Go's own client and server say to each other, for tests that read it back.
//
// Each conversation is held by two fresh processes, this program started twice, so that the type ids
// in the bytes are those of a program that has sent nothing before. A proxy between them writes down
// what passes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const head = `# What a client and a server of Go's net/rpc said to each other %s, as %s writes it.
# README.md beside ` + "`go/`" + ` in interop/ tells what the methods do; Gate is in interop/go/recorder.
#
# == NAME       a conversation, between two processes that had sent nothing before
# # TEXT        what the client calls, and after the bytes what it gets
# C->S HEX      bytes from client to server; all that come before the other side's stand on one line
# S->C HEX      bytes from server to client
# C->S end      the client closes its side, S->C end: the server does
#
# Written again by, in interop/go, with that version of Go:
# go run ./recorder -out ../../crates/ferrywire/tests/wire
`

func main() {
	out := flag.String("out", "", "the folder to write the conversations to")
	serving := flag.Bool("serve", false, "be the server of one conversation")
	name := flag.String("conversation", "", "be the client and the proxy of this conversation")
	connect := flag.Bool("connect", false, "with -conversation: begin with an HTTP CONNECT")
	flag.Parse()
	log.SetPrefix("recorder: ")
	log.SetFlags(0)

	switch {
	case *serving:
		serve()
	case *name != "":
		record(*name, *connect)
	case *out != "":
		must(write(*out, "tcp", "over TCP"))
		must(write(*out, "connect", "after an HTTP CONNECT"))
	default:
		flag.Usage()
		os.Exit(2)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// write holds every conversation and writes one file.
func write(folder, way, told string) error {
	var file bytes.Buffer
	fmt.Fprintf(&file, head, told, runtime.Version())
	for _, conversation := range conversations {
		fmt.Fprintf(&file, "\n== %s\n", conversation.name)
		client := exec.Command(os.Args[0], "-conversation", conversation.name, fmt.Sprintf("-connect=%t", way == "connect"))
		client.Stdout = &file
		client.Stderr = os.Stderr
		if err := client.Run(); err != nil {
			return fmt.Errorf("%s over %s: %w", conversation.name, way, err)
		}
	}
	version := strings.Join(strings.Split(runtime.Version(), ".")[:2], ".")
	return os.WriteFile(filepath.Join(folder, "netrpc-"+way+"-"+version+".hex"), file.Bytes(), 0o644)
}

// record is the client of one conversation: it starts the server and the proxy, and prints.
func record(name string, connect bool) {
	for _, conversation := range conversations {
		if conversation.name != name {
			continue
		}
		server := startServer(connect)
		tape := newTape()
		place := tape.between(server.address)
		var client *rpc.Client
		if conversation.hold != nil {
			var err error
			if connect {
				client, err = rpc.DialHTTP("tcp", place)
			} else {
				client, err = rpc.Dial("tcp", place)
			}
			must(err)
			conversation.hold(&talk{client, server, tape})
			must(client.Close())
		} else {
			conversation.write(place, connect, server, tape)
		}
		tape.wait()
		fmt.Print(tape.String())
		server.stop()
		return
	}
	log.Fatalf("no conversation is called %s", name)
}
