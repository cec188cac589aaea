package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/rpc"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Echo gives back what it is told.
type Echo struct{}

// Say answers with its argument.
func (Echo) Say(payload []byte, reply *[]byte) error {
	*reply = payload
	return nil
}

func serve() {
	if err := rpc.Register(Echo{}); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go rpc.Accept(listener)
	fmt.Println(listener.Addr())
	orders(func([]string) string { return strconv.FormatInt(cpu(), 10) })
}

// call answers `PAYLOAD_LEN DEPTH MILLISECONDS` with `CALLS CPU_NANOSECONDS`.
func call(address string) {
	client, err := rpc.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("connected")
	orders(func(words []string) string {
		len, depth, milliseconds := number(words[0]), number(words[1]), number(words[2])
		before := cpu()
		calls := slice(client, len, depth, time.Duration(milliseconds)*time.Millisecond)
		return fmt.Sprint(calls, cpu()-before)
	})
}

// slice keeps depth calls in flight for so long, and says how many there were.
func slice(client *rpc.Client, len, depth int, length time.Duration) int64 {
	var stop atomic.Bool
	var calls atomic.Int64
	var callers sync.WaitGroup
	for caller := range depth {
		callers.Add(1)
		go func() {
			defer callers.Done()
			payload := make([]byte, len)
			random := rand.NewPCG(uint64(caller), 0)
			for at := range payload {
				payload[at] = byte(random.Uint64())
			}
			made := int64(0)
			for !stop.Load() {
				// No two calls in flight carry the same bytes, so that a reply to another call is noticed.
				binary.LittleEndian.PutUint64(payload, uint64(caller)<<48|uint64(made))
				var reply []byte
				if err := client.Call("Echo.Say", payload, &reply); err != nil {
					log.Fatal(err)
				}
				if !bytes.Equal(reply, payload) {
					log.Fatalf("the reply to call %d of caller %d is not its argument", made, caller)
				}
				made++
			}
			calls.Add(made)
		}()
	}
	time.Sleep(length)
	stop.Store(true)
	callers.Wait()
	return calls.Load()
}

func number(word string) int {
	number, err := strconv.Atoi(word)
	if err != nil {
		log.Fatal(err)
	}
	return number
}
