package support

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// Replies of up to so many bytes are compared in full; longer ones at both ends, and in full every so often.
	comparedInFullMax   = 4096
	comparedAtEnds      = 1024
	comparedInFullEvery = 16
	// Of many calls in flight on a connection, one in so many is timed.
	timedEvery = 16
)

// caller calls, waits for the reply, and calls again.
type caller struct {
	payload    []byte
	number     uint64
	made       uint64
	timedEvery uint64
	latencies  []time.Duration
}

func newCaller(shape Shape, number int) *caller {
	caller := &caller{payload: make([]byte, shape.PayloadLen), number: uint64(number), timedEvery: timedEvery}
	if shape.Depth == 1 {
		caller.timedEvery = 1
	}
	random := rand.NewPCG(uint64(number), 0)
	for at := range caller.payload {
		caller.payload[at] = byte(random.Uint64())
	}
	return caller
}

// call makes one call. No two calls in flight carry the same bytes, so that a reply to another call is noticed.
func (caller *caller) call(connection Connection, timed bool) error {
	var mark [8]byte
	binary.LittleEndian.PutUint64(mark[:], caller.number<<48|caller.made)
	payload := caller.payload
	if len(payload) >= 2*len(mark) {
		copy(payload[len(payload)-len(mark):], mark[:])
	}
	copy(payload, mark[:])
	var started time.Time
	timed = timed && caller.made%caller.timedEvery == 0
	if timed {
		started = time.Now()
	}
	caller.made++
	reply, err := connection.Call(payload)
	if err != nil {
		return err
	}
	if timed {
		caller.latencies = append(caller.latencies, time.Since(started))
	}
	if !caller.recognizes(reply) {
		return fmt.Errorf("%w: call %d of caller %d", errReply, caller.made, caller.number)
	}
	return nil
}

func (caller *caller) recognizes(reply []byte) bool {
	payload := caller.payload
	if len(reply) != len(payload) {
		return false
	}
	if len(payload) <= comparedInFullMax || caller.made%comparedInFullEvery == 0 {
		return bytes.Equal(reply, payload)
	}
	tail := len(payload) - comparedAtEnds
	return bytes.Equal(reply[:comparedAtEnds], payload[:comparedAtEnds]) && bytes.Equal(reply[tail:], payload[tail:])
}

// perMille is what so many of a thousand do not exceed, in nanoseconds; 0 of none.
func perMille(sorted []time.Duration, share int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*share/1000, len(sorted)-1)].Nanoseconds()
}

func sorted(latencies []time.Duration) []time.Duration {
	slices.Sort(latencies)
	return latencies
}
