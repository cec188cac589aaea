package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// tape is what passed between a client and a server, in order. Bytes, and ends, are written down
// before they are passed on, so nothing can answer what is not yet on the tape.
type tape struct {
	sync.Mutex
	lines []line
	ends  sync.WaitGroup
	more  *sync.Cond
}

func newTape() *tape {
	t := &tape{}
	t.more = sync.NewCond(t)
	return t
}

type line struct {
	// `C->S`, `S->C`, or `#`.
	tag   string
	bytes []byte
	text  string
}

// between starts a proxy for one connection and answers where it listens.
func (t *tape) between(server string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	t.ends.Add(2)
	go func() {
		client, err := listener.Accept()
		must(err)
		listener.Close()
		server, err := net.Dial("tcp", server)
		must(err)
		go t.pass("C->S", client, server)
		go t.pass("S->C", server, client)
	}()
	return listener.Addr().String()
}

func (t *tape) pass(tag string, from, to net.Conn) {
	defer t.ends.Done()
	buffer := make([]byte, 65536)
	for {
		size, err := from.Read(buffer)
		t.bytes(tag, buffer[:size])
		if _, err := to.Write(buffer[:size]); err != nil {
			// The other side is gone; what it left unread is not part of the conversation.
			return
		}
		if err != nil {
			if err == io.EOF {
				t.add(line{tag: tag, text: "end"})
			}
			to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

func (t *tape) bytes(tag string, bytes []byte) {
	t.Lock()
	defer t.Unlock()
	if len(bytes) == 0 {
		return
	}
	if last := len(t.lines) - 1; last >= 0 && t.lines[last].tag == tag && t.lines[last].text == "" {
		t.lines[last].bytes = append(t.lines[last].bytes, bytes...)
		return
	}
	t.lines = append(t.lines, line{tag: tag, bytes: append([]byte(nil), bytes...)})
	t.more.Broadcast()
}

// say puts words between the bytes.
func (t *tape) say(format string, args ...any) {
	t.add(line{tag: "#", text: strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`)})
}

func (t *tape) add(line line) {
	t.Lock()
	defer t.Unlock()
	t.lines = append(t.lines, line)
	t.more.Broadcast()
}

// until returns once the tape's last line has this tag and this text, which is empty for bytes.
func (t *tape) until(tag, text string) {
	t.Lock()
	defer t.Unlock()
	for len(t.lines) == 0 || t.lines[len(t.lines)-1].tag != tag || t.lines[len(t.lines)-1].text != text {
		t.more.Wait()
	}
}

// wait returns when both sides have ended.
func (t *tape) wait() { t.ends.Wait() }

func (t *tape) String() string {
	t.Lock()
	defer t.Unlock()
	var text strings.Builder
	for _, line := range t.lines {
		if line.text != "" {
			fmt.Fprintf(&text, "%s %s\n", line.tag, line.text)
		} else {
			fmt.Fprintf(&text, "%s %x\n", line.tag, line.bytes)
		}
	}
	return text.String()
}
