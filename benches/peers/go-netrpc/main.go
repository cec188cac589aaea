// Go's side of the benchmarks: a net/rpc server, a net/rpc client, and a loop around encoding/gob.
//
// Orders come as lines on standard input, answers go as lines to standard output; the end of the input
// ends the process. The Rust side in benches/src/peer takes the same orders.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		serve()
	case len(os.Args) == 3 && os.Args[1] == "client":
		call(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "gob":
		code()
	default:
		log.Fatal("usage: go-netrpc server | client ADDRESS | gob")
	}
}

// orders calls answer with the words of every line, and prints what it returns.
func orders(answer func(words []string) string) {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Println(answer(strings.Fields(line)))
	}
}

// cpu is what this process has used so far, user and system, in nanoseconds.
func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
