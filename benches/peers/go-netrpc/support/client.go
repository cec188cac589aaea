package support

import (
	"fmt"
	"log"
	"sync"
	"sync/atomic"
	"time"
)

// smallLen is what is sent where only connections matter.
const smallLen = 64

// client opens connections as they are needed, and keeps them.
type client struct {
	peer        Peer
	address     string
	connections []Connection
	idle        []Connection
}

func (client *client) takeOrders() {
	fmt.Println("ready")
	Orders(func(words []string) string {
		if answer, ok := aboutProcess(words); ok {
			return answer
		}
		switch {
		case len(words) == 2 && words[0] == "idle":
			return client.openIdle(Number(words[1]))
		case len(words) == 2 && words[0] == "connect":
			return client.connectFor(time.Duration(Number(words[1])) * time.Millisecond)
		case len(words) == 4:
			return client.callFor(shapeOf(words), time.Duration(Number(words[3]))*time.Millisecond)
		}
		return fmt.Sprintf("unsupported %v is no order to a client", words)
	})
}

// callFor keeps the calls in flight for so long.
func (client *client) callFor(shape Shape, length time.Duration) string {
	if reason := client.unsupported(shape); reason != "" {
		return "unsupported " + reason
	}
	callers := client.callers(shape)
	var stop atomic.Bool
	return measured(func() (uint64, []time.Duration) {
		timer := time.AfterFunc(length, func() { stop.Store(true) })
		defer timer.Stop()
		return client.run(shape, callers, func(caller *caller, connection Connection) error {
			for !stop.Load() {
				if err := caller.call(connection, true); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// callSoOften makes so many calls, and says how many that were.
func (client *client) callSoOften(shape Shape, calls int) string {
	if reason := client.unsupported(shape); reason != "" {
		return "unsupported " + reason
	}
	each := uint64(calls / (shape.Connections * shape.Depth))
	made, _ := client.run(shape, client.callers(shape), func(caller *caller, connection Connection) error {
		for caller.made < each {
			if err := caller.call(connection, false); err != nil {
				return err
			}
		}
		return nil
	})
	if made != uint64(calls) {
		log.Fatalf("%d calls were made, not %d", made, calls)
	}
	return fmt.Sprint(made)
}

// run lets every caller work on its connection, at once.
func (client *client) run(shape Shape, callers []*caller, work func(*caller, Connection) error) (calls uint64, latencies []time.Duration) {
	var working sync.WaitGroup
	for at, caller := range callers {
		working.Add(1)
		go func() {
			defer working.Done()
			if err := work(caller, client.connections[at/shape.Depth]); err != nil {
				log.Fatal(err)
			}
		}()
	}
	working.Wait()
	for _, caller := range callers {
		calls += caller.made
		latencies = append(latencies, caller.latencies...)
	}
	return calls, latencies
}

func (client *client) openIdle(count int) string {
	for opened := range count {
		client.idle = append(client.idle, client.usedOnce(opened))
	}
	return fmt.Sprint(count)
}

// connectFor connects, calls and closes, one after the other.
func (client *client) connectFor(length time.Duration) string {
	return measured(func() (calls uint64, latencies []time.Duration) {
		for began := time.Now(); time.Since(began) < length; calls++ {
			started := time.Now()
			if err := client.usedOnce(int(calls)).Close(); err != nil {
				log.Fatal(err)
			}
			latencies = append(latencies, time.Since(started))
		}
		return calls, latencies
	})
}

// usedOnce is a connection on which one call has been made.
func (client *client) usedOnce(number int) Connection {
	connection := must(client.peer.Connect(client.address))
	caller := newCaller(Shape{smallLen, 1, 1}, number&0xffff)
	if err := caller.call(connection, false); err != nil {
		log.Fatal(err)
	}
	return connection
}

func (client *client) callers(shape Shape) []*caller {
	for len(client.connections) < shape.Connections {
		client.connections = append(client.connections, must(client.peer.Connect(client.address)))
	}
	callers := make([]*caller, shape.Connections*shape.Depth)
	for at := range callers {
		callers[at] = newCaller(shape, at)
	}
	return callers
}

func (client *client) unsupported(shape Shape) string {
	if client.peer.Unsupported == nil {
		return ""
	}
	return client.peer.Unsupported(shape)
}

func measured(work func() (uint64, []time.Duration)) string {
	cpu, began := CPU(), time.Now()
	calls, latencies := work()
	used, took := CPU()-cpu, time.Since(began)
	latencies = sorted(latencies)
	return fmt.Sprint(calls, used, took.Nanoseconds(), perMille(latencies, 500), perMille(latencies, 990))
}
