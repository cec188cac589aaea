package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"ferrywire.test/interop/wgrpc"
	"ferrywire.test/interop/zoo"
)

// expect calls, and compares the reply.
func expect[T any](client *wgrpc.Client, method string, arg any, expected T) error {
	var reply T
	if err := client.Call(method, arg, &reply); err != nil {
		return fmt.Errorf("%s: got the error %q, expected a reply", method, err)
	}
	if err := zoo.Differ(reply, expected); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// works makes an ordinary call: whatever happened before, the connection is usable.
func works(client *wgrpc.Client) error {
	return expect(client, "Arith.Multiply", &zoo.Args{A: 6, B: 7}, 42)
}

// refused calls, and compares the text of the server's error; then the connection must be usable.
func refused(client *wgrpc.Client, method string, arg any, expected string) error {
	err := client.Call(method, arg, new(int))
	var answered wgrpc.ServerError
	if !errors.As(err, &answered) || expected != "" && string(answered) != expected {
		return fmt.Errorf("%s: got %v, expected the server's error %q", method, err, expected)
	}
	return works(client)
}

// optionChecks are about what comes first.
func optionChecks() []check {
	return []check{
		// A server that reads ahead and forgets what it has read answers some of these.
		{"option/40_first_requests_right_behind_the_option", func(s *suite) error {
			for i := 0; i < 40; i++ {
				client, err := s.dial(0)
				if err != nil {
					return err
				}
				err = works(client)
				client.Close()
				if err != nil {
					return fmt.Errorf("connection %d: %w", i, err)
				}
			}
			return nil
		}},
		{"option/40_first_requests_in_one_write_with_the_option", func(s *suite) error {
			for i := 0; i < 40; i++ {
				if err := s.first(s.option(), 0); err != nil {
					return fmt.Errorf("connection %d: %w", i, err)
				}
			}
			return nil
		}},
		{"option/cut_at_every_place", func(s *suite) error {
			option := s.option()
			for cut := 1; cut <= len(option); cut++ {
				if err := s.first(option, cut); err != nil {
					return fmt.Errorf("cut at %d: %w", cut, err)
				}
			}
			return nil
		}},
		{"option/in_other_spellings", func(s *suite) error {
			for _, option := range []string{
				`{"MagicNum":%d,"CodecFormat":"%s"}`,
				"  { \"magicnumber\" : %d,\n\"codectype\" : \"%s\", \"more\" : [{}] }\n",
			} {
				if err := s.first([]byte(fmt.Sprintf(option, s.family.Magic, s.codec)), 0); err != nil {
					return err
				}
			}
			return nil
		}},
		{"option/of_nobodys_is_closed_without_a_word", func(s *suite) error {
			for _, option := range []string{
				`{"MagicNumber":1,"CodecType":"application/gob"}`,
				fmt.Sprintf(`{"MagicNumber":%d,"CodecType":"application/none"}`, s.family.Magic),
				fmt.Sprintf(`{"MagicNumber":%d,}`, s.family.Magic),
			} {
				if err := s.closes(option); err != nil {
					return fmt.Errorf("%s: %w", option, err)
				}
			}
			return nil
		}},
	}
}

// option is the Option as bytes.
func (s *suite) option() []byte {
	option, _ := json.Marshal(wgrpc.Option{MagicNumber: s.family.Magic, CodecType: s.codec})
	return append(option, '\n')
}

// first sends an Option and a request, in one write or cut at a place, and compares the reply.
func (s *suite) first(option []byte, cut int) error {
	conn, err := s.place.Connect(s.family)
	if err != nil {
		return err
	}
	defer conn.Close()
	cutter := &cutter{Conn: conn, front: option, cut: cut}
	client, err := wgrpc.Over(cutter, s.codec)
	if err != nil {
		return err
	}
	if err := works(client); err != nil {
		return err
	}
	return works(client)
}

// cutter puts bytes in front of the first write, and cuts that in two.
type cutter struct {
	net.Conn
	front []byte
	cut   int
}

func (c *cutter) Write(bytes []byte) (int, error) {
	all := append(c.front, bytes...)
	front := all[:c.cut]
	c.front, c.cut = nil, 0
	if len(front) > 0 {
		if _, err := c.Conn.Write(front); err != nil {
			return 0, err
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Conn.Write(all[len(front):]); err != nil {
		return 0, err
	}
	return len(bytes), nil
}

// closes sends an Option that must be the end of the connection.
func (s *suite) closes(option string) error {
	conn, err := s.place.Connect(s.family)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, option+"\n"); err != nil {
		return err
	}
	said := new(bytes.Buffer)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = io.Copy(said, conn)
	if err, isNet := err.(net.Error); isNet && err.Timeout() || said.Len() > 0 {
		return fmt.Errorf("got %q and %v, expected the end", said, err)
	}
	return nil
}

// trip sends a value and compares what the server makes of it.
func trip[T, R any](name, method string, value T, answer func(T) R) check {
	return check{"zoo/" + name, on(func(client *wgrpc.Client) error {
		return expect(client, method, value, answer(value))
	})}
}

// callChecks are about calls and errors. What JSON writes in another form than serde does is left to gob.
func callChecks(codec string) []check {
	checks := []check{
		{"arith/multiply", on(works)},
		{"arith/divide", on(func(client *wgrpc.Client) error {
			return expect(client, "Arith.Divide", &zoo.Args{A: 17, B: 5}, zoo.Quotient{Quo: 3, Rem: 2})
		})},
		trip("text", "Zoo.Text", zoo.TextValue(), zoo.TextAnswer),
		trip("text_1_mib", "Zoo.Text", strings.Repeat("é世z", 1<<20/6), zoo.TextAnswer),
		trip("bytes_1_mib", "Zoo.Bytes", zoo.Filled(1<<20), zoo.BytesAnswer),
		trip("not", "Zoo.Not", true, zoo.NotAnswer),
		trip("negate", "Zoo.Negate", -129, zoo.NegateAnswer),
		trip("nested", "Zoo.Nested", zoo.NestedValue(), zoo.NestedAnswer),
		trip("list", "Zoo.List", zoo.ListValue(), zoo.ListAnswer),
		trip("tree", "Zoo.Tree", zoo.TreeValue(), zoo.TreeAnswer),
		trip("groups", "Zoo.Groups", zoo.GroupsValue(), zoo.GroupsAnswer),
		trip("nothing", "Zoo.Nothing", zoo.Empty{}, zoo.NothingAnswer),
	}
	if codec == wgrpc.Gob {
		checks = append(checks,
			trip("scalars", "Zoo.Scalars", zoo.ScalarsValue(), zoo.ScalarsAnswer),
			trip("maps", "Zoo.Maps", zoo.MapsValue(), zoo.MapsAnswer),
			trip("shapes", "Zoo.Shapes", zoo.ShapesValue(), zoo.ShapesAnswer),
			trip("times", "Zoo.Times", zoo.TimesValue(), zoo.TimesAnswer),
			trip("big_ints", "Zoo.BigInts", zoo.BigIntsValue(), zoo.BigIntsAnswer),
		)
	}
	return append(checks,
		check{"error/divide_by_zero", on(func(client *wgrpc.Client) error {
			return refused(client, "Arith.Divide", &zoo.Args{A: 1}, "divide by zero")
		})},
		check{"error/percent_signs", on(func(client *wgrpc.Client) error {
			return refused(client, "Zoo.Fail", "100%s of %d are %%", "100%s of %d are %%")
		})},
		check{"error/mistyped", on(func(client *wgrpc.Client) error {
			return refused(client, "Zoo.Negate", "text", "")
		})},
		check{"unknown/are_told_in_the_familys_words", func(s *suite) error {
			client, err := s.client()
			for _, unknown := range [][2]string{
				{"Nobody.Multiply", s.family.NoService + "Nobody"},
				{"Arith.Nothing", s.family.NoMethod + "Nothing"},
				{"Arith", s.family.IllFormed + "Arith"},
			} {
				for i := 0; i < 10 && err == nil; i++ {
					err = refused(client, unknown[0], &zoo.Args{A: 1, B: 2}, unknown[1])
				}
			}
			return err
		}},
		check{"many/1000_calls_at_once", on(func(client *wgrpc.Client) error {
			var waiting sync.WaitGroup
			failed := make(chan error, 1000)
			for i := 0; i < 1000; i++ {
				waiting.Add(1)
				go func(number int) {
					defer waiting.Done()
					failed <- expect(client, "Arith.Multiply", &zoo.Args{A: number, B: -3}, number * -3)
				}(i)
			}
			waiting.Wait()
			for i := 0; i < 1000; i++ {
				if err := <-failed; err != nil {
					return err
				}
			}
			return nil
		})},
	)
}

// timeChecks are about the time that the Option grants.
func timeChecks() []check {
	return []check{
		{"time/a_slow_method_ends_in_time_and_in_words", func(s *suite) error {
			for _, within := range []time.Duration{50 * time.Millisecond, 1500 * time.Microsecond, time.Second} {
				client, err := s.dial(within)
				if err != nil {
					return err
				}
				began := time.Now()
				err = refused(client, "Zoo.Slow", 10000, s.family.Late+within.String())
				client.Close()
				if took := time.Since(began); err == nil && (took < within || took > within+3*time.Second) {
					err = fmt.Errorf("it took %s, expected %s", took, within)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"time/a_method_that_is_quick_enough_is_answered", func(s *suite) error {
			client, err := s.dial(5 * time.Second)
			if err != nil {
				return err
			}
			defer client.Close()
			return expect(client, "Zoo.Slow", 20, 20)
		}},
	}
}
