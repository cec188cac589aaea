// Package support is what every Go peer of the benchmark shares: orders, clocks, payloads, callers.
// ../README.md says what a peer must do; the Rust crate ../support does the same.
package support

import (
	"bufio"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Connection is what calls go through; used by many goroutines at once.
type Connection interface {
	// Call sends the bytes and waits until they are back.
	Call(payload []byte) ([]byte, error)
	Close() error
}

// Peer is a framework, in one of the ways in which it can be used.
type Peer struct {
	// Serve listens on a free port of 127.0.0.1, serves from goroutines of its own, and says where.
	Serve func() (address string, err error)
	// Connect makes a connection of its own.
	Connect func(address string) (Connection, error)
	// Unsupported says why a shape is beyond the peer; nil or empty if none is.
	Unsupported func(shape Shape) string
}

// Run does what the words after the variant ask.
func Run(peer Peer, words []string) {
	log.SetFlags(0)
	switch {
	case len(words) == 2 && words[0] == "server":
		fmt.Println(must(peer.Serve()))
		Orders(func(words []string) string {
			if answer, ok := aboutProcess(words); ok {
				return answer
			}
			return fmt.Sprintf("unsupported %v is no order to a server", words)
		})
	case len(words) == 3 && words[0] == "client":
		(&client{peer: peer, address: words[2]}).takeOrders()
	case len(words) == 1 && words[0] == "both":
		(&client{peer: peer, address: must(peer.Serve())}).takeOrders()
	case len(words) == 5 && words[0] == "alone":
		client := client{peer: peer, address: must(peer.Serve())}
		fmt.Println(client.callSoOften(shapeOf(words[1:4]), Number(words[4])))
	default:
		log.Fatal("usage: [VARIANT] (server THREADS | client THREADS ADDRESS | both | alone PAYLOAD_LEN CONNECTIONS DEPTH CALLS)")
	}
}

// Words are the program's arguments, those before the command and those from it on.
func Words() (variant, command []string) {
	words := os.Args[1:]
	for at, word := range words {
		switch word {
		case "server", "client", "both", "alone":
			return words[:at], words[at:]
		}
	}
	return words, nil
}

// Orders calls answer with the words of every line, and prints what it returns.
func Orders(answer func(words []string) string) {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Println(answer(strings.Fields(line)))
	}
}

func aboutProcess(words []string) (answer string, ok bool) {
	if len(words) != 1 {
		return "", false
	}
	switch words[0] {
	case "cpu":
		return fmt.Sprint(CPU()), true
	case "memory":
		// Twice, because what pools hold lives through one collection.
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return fmt.Sprint(stats.HeapAlloc + stats.StackInuse), true
	}
	return "", false
}

// CPU is what this process has used so far, user and system, in nanoseconds.
func CPU() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// Shape is connections × depth calls in flight, each of payloadLen bytes.
type Shape struct{ PayloadLen, Connections, Depth int }

func shapeOf(words []string) Shape {
	return Shape{Number(words[0]), Number(words[1]), Number(words[2])}
}

// Number is the number that a word says.
func Number(word string) int { return must(strconv.Atoi(word)) }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

var errReply = errors.New("a reply is not what was sent")
