// A client of gomorpc that puts a server of Messages through named cases.
//
// It prints `ok NAME` or `FAIL NAME: WHY` for each, then `cases: N passed, M failed`, and ends with status 1 if one
// failed. It dies, as gomorpc's clients do, of a reply that it does not wait for and of the end of its connection.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"ferrywire.test/interop/protobuf/gomorpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A check is one case: what it is called, and what must go well.
type check struct {
	name string
	run  func(*gomorpc.Client) error
}

// What ferrywire's servers answer, beside the wire's own TimedOut.
const (
	noService   = 2
	noMethod    = 3
	noMessage   = 103
	failedToRun = 109
)

func main() {
	dial := flag.String("dial", "", "the server: tcp://HOST:PORT")
	rounds := flag.Int("rounds", 0, "only make so many calls, one after another")
	flag.Parse()
	place, err := url.Parse(*dial)
	if err != nil || place.Scheme != "tcp" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	// All share a connection, so that each meets what the ones before it left there.
	client, err := gomorpc.Dial(place.Host)
	if err != nil {
		fmt.Println("FAIL dial:", err)
		os.Exit(1)
	}
	all := checks
	if *rounds > 0 {
		all = []check{{fmt.Sprintf("race/%d_calls_one_after_another", *rounds), oneAfterAnother(*rounds)}}
	}
	passed, failed := 0, 0
	for _, check := range all {
		if err := check.run(client); err != nil {
			fmt.Printf("FAIL %s: %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", `\n`))
			failed++
		} else {
			fmt.Printf("ok %s\n", check.name)
			passed++
		}
	}
	fmt.Printf("cases: %d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

var checks = []check{
	{"call/number", func(client *gomorpc.Client) error {
		reply := new(wrapperspb.Int64Value)
		return answered(client, "Double", wrapperspb.Int64(-21), reply, wrapperspb.Int64(-42))
	}},
	{"call/text", func(client *gomorpc.Client) error {
		reply := new(wrapperspb.StringValue)
		return answered(client, "Text", wrapperspb.String("é 世界 🦀"), reply, wrapperspb.String("é 世界 🦀--ret"))
	}},
	{"call/empty_argument", func(client *gomorpc.Client) error {
		reply := new(wrapperspb.StringValue)
		return answered(client, "Text", wrapperspb.String(""), reply, wrapperspb.String("--ret"))
	}},
	{"call/empty_reply", func(client *gomorpc.Client) error {
		return answered(client, "Nothing", new(emptypb.Empty), new(emptypb.Empty), new(emptypb.Empty))
	}},
	{"call/bytes_1_mib", func(client *gomorpc.Client) error {
		argument, expected := make([]byte, 1<<20), make([]byte, 1<<20)
		for at := range argument {
			argument[at] = byte(at * 7)
			expected[len(expected)-1-at] = argument[at]
		}
		reply := new(wrapperspb.BytesValue)
		return answered(client, "Bytes", wrapperspb.Bytes(argument), reply, wrapperspb.Bytes(expected))
	}},
	{"call/200_one_after_another", oneAfterAnother(200)},
	{"call/200_at_once", func(client *gomorpc.Client) error {
		type call struct {
			reply *wrapperspb.Int64Value
			ended <-chan uint32
		}
		var calls []call
		for number := int64(0); number < 200; number++ {
			reply := new(wrapperspb.Int64Value)
			calls = append(calls, call{reply, client.Call("Messages", "Double", wrapperspb.Int64(number), reply, time.Minute)})
		}
		for number, call := range calls {
			if err := is(<-call.ended, 0); err != nil {
				return err
			}
			if err := same(call.reply, wrapperspb.Int64(int64(2*number))); err != nil {
				return err
			}
		}
		return nil
	}},
	{"order/a_slow_call_holds_nobody_up", func(client *gomorpc.Client) error {
		slow := client.Call("Messages", "Slow", wrapperspb.String("300ms"), new(wrapperspb.StringValue), 0)
		if err := oneAfterAnother(10)(client); err != nil {
			return err
		}
		select {
		case number := <-slow:
			return fmt.Errorf("a call of 300 ms has ended with %d already", number)
		default:
		}
		return is(<-slow, 0)
	}},
	{"time/both_sides_end_a_call", func(client *gomorpc.Client) error {
		slow := client.Call("Messages", "Slow", wrapperspb.String("3s"), new(wrapperspb.StringValue), 50*time.Millisecond)
		return is(<-slow, gomorpc.TimedOut)
	}},
	{"time/the_server_says_so", func(client *gomorpc.Client) error {
		began := time.Now()
		argument := marshal(wrapperspb.String("3s"))
		header, number := client.CallRaw("Messages", "Slow", argument, nil, new(wrapperspb.StringValue), 50*time.Millisecond)
		if took := time.Since(began); took < 50*time.Millisecond || took > 2*time.Second {
			return fmt.Errorf("it took %s", took)
		}
		if header.Timeout() != uint64(50*time.Millisecond) {
			return fmt.Errorf("the reply says a timeout of %d", header.Timeout())
		}
		return is(number, gomorpc.TimedOut)
	}},
	{"call/a_plain_type", func(client *gomorpc.Client) error {
		return answered(client, "Plain", wrapperspb.Int64(21), new(wrapperspb.Int64Value), wrapperspb.Int64(-21))
	}},
	{"header/what_is_unknown_comes_back", func(client *gomorpc.Client) error {
		unknown := []byte("\x32\x03abc\x39abcdefgh")
		reply := new(wrapperspb.Int64Value)
		argument := marshal(wrapperspb.Int64(21))
		header, number := client.CallRaw("Messages", "Double", argument, unknown, reply, time.Second)
		if got := []byte(header.GetUnknown()); !bytes.Equal(got, unknown) {
			return fmt.Errorf("got %x, expected %x", got, unknown)
		}
		if header.Service() != "Messages" || header.Method() != "Double" || header.Timeout() != uint64(time.Second) {
			return fmt.Errorf("got %v", header)
		}
		if err := same(reply, wrapperspb.Int64(42)); err != nil {
			return err
		}
		return is(number, 0)
	}},
	{"unknown/service", refused("Nobody", "Double", marshal(wrapperspb.Int64(21)), noService)},
	{"unknown/method", refused("Messages", "Missing", marshal(wrapperspb.Int64(21)), noMethod)},
	{"unknown/nothing_at_all", refused("", "", nil, noService)},
	{"error/a_damaged_message", refused("Messages", "Text", []byte("\x0a\x05hi"), noMessage)},
	{"error/an_argument_of_another_type", refused("Messages", "Plain", marshal(wrapperspb.String("21")), noMessage)},
	{"error/of_a_method", refused("Messages", "Fail", nil, failedToRun)},
	{"error/100_of_them", func(client *gomorpc.Client) error {
		for round := 0; round < 100; round++ {
			for _, method := range []string{"Missing", "Text", "Fail"} {
				_, number := client.CallRaw("Messages", method, []byte("\x08\x01"), nil, new(emptypb.Empty), 0)
				if number == 0 {
					return fmt.Errorf("%s has a reply", method)
				}
			}
		}
		return oneAfterAnother(10)(client)
	}},
}

func oneAfterAnother(rounds int) func(*gomorpc.Client) error {
	return func(client *gomorpc.Client) error {
		for round := 0; round < rounds; round++ {
			reply := new(wrapperspb.Int64Value)
			argument, expected := wrapperspb.Int64(int64(round)), wrapperspb.Int64(int64(2*round))
			if err := answered(client, "Double", argument, reply, expected); err != nil {
				return err
			}
		}
		return nil
	}
}

// answered makes one call, which must have this reply.
func answered(client *gomorpc.Client, method string, argument, reply, expected proto.Message) error {
	if err := is(<-client.Call("Messages", method, argument, reply, 30*time.Second), 0); err != nil {
		return err
	}
	return same(reply, expected)
}

// refused makes one call, which must end with this error and no message.
func refused(service, method string, argument []byte, number uint32) func(*gomorpc.Client) error {
	return func(client *gomorpc.Client) error {
		reply := wrapperspb.String("untouched")
		_, got := client.CallRaw(service, method, argument, nil, reply, 0)
		if err := is(got, number); err != nil {
			return err
		}
		return same(reply, new(wrapperspb.StringValue))
	}
}

func marshal(message proto.Message) []byte {
	bytes, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	return bytes
}

func is(got, expected uint32) error {
	if got != expected {
		return fmt.Errorf("got the error %d, expected %d", got, expected)
	}
	return nil
}

func same(got, expected proto.Message) error {
	if !proto.Equal(got, expected) {
		return fmt.Errorf("got %v, expected %v", got, expected)
	}
	return nil
}
