// A client of the WgRPC and GeeRPC conversation that puts a server of Arith and Zoo through named cases.
//
// It prints `ok NAME` or `FAIL NAME: WHY` for each, then `cases: N passed, M failed`, and ends with status 1 if one
// failed. A case that does not end in its time has failed.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"ferrywire.test/interop/wgrpc"
)

// A check is one case: what it is called, and what must go well.
type check struct {
	name string
	run  func(*suite) error
}

// suite runs checks against one server. Most share a connection, so that each meets what the ones before it left there.
type suite struct {
	place  wgrpc.Place
	family wgrpc.Family
	codec  string
	shared *wgrpc.Client
}

func main() {
	dial := flag.String("dial", "", "the server: tcp://HOST:PORT, unix:///PATH or http://HOST:PORT")
	name := flag.String("family", "wgrpc", "whose client this is: wgrpc or geerpc")
	inJSON := flag.Bool("json", false, "write headers and bodies in JSON instead of gob")
	flag.Parse()

	family, err := wgrpc.Named(*name)
	place, isPlace := placeAt(*dial)
	if err != nil || !isPlace || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	codec := wgrpc.Gob
	if *inJSON {
		codec = wgrpc.JSON
	}
	suite := &suite{place: place, family: family, codec: codec}
	checks := append(optionChecks(), callChecks(codec)...)
	checks = append(checks, timeChecks()...)

	passed, failed := 0, 0
	for _, check := range checks {
		if err := suite.run(check); err != nil {
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

func placeAt(address string) (wgrpc.Place, bool) {
	place, err := url.Parse(address)
	if err != nil {
		return wgrpc.Place{}, false
	}
	switch place.Scheme {
	case "tcp":
		return wgrpc.Place{Network: "tcp", Address: place.Host}, true
	case "unix":
		return wgrpc.Place{Network: "unix", Address: place.Path}, true
	case "http":
		return wgrpc.Place{Network: "tcp", Address: place.Host, OverHTTP: true}, true
	}
	return wgrpc.Place{}, false
}

func (s *suite) run(check check) error {
	const within = 30 * time.Second
	done := make(chan error, 1)
	// A check that is given up keeps its own copy, so that it cannot disturb the ones after it.
	own := *s
	go func() { done <- check.run(&own) }()
	select {
	case err := <-done:
		s.shared = own.shared
		if err != nil && s.shared != nil {
			s.shared.Close()
			s.shared = nil
		}
		return err
	case <-time.After(within):
		s.shared = nil
		return fmt.Errorf("not done after %s", within)
	}
}

// client is the shared connection.
func (s *suite) client() (*wgrpc.Client, error) {
	if s.shared == nil {
		client, err := s.dial(0)
		if err != nil {
			return nil, err
		}
		s.shared = client
	}
	return s.shared, nil
}

// dial makes a connection on which methods may take so long.
func (s *suite) dial(within time.Duration) (*wgrpc.Client, error) {
	option := wgrpc.Option{CodecType: s.codec, ConnectTimeout: 10 * time.Second, HandleTimeout: within}
	return wgrpc.Dial(s.place, s.family, option)
}

// on wraps a check that works on the shared connection.
func on(run func(*wgrpc.Client) error) func(*suite) error {
	return func(s *suite) error {
		client, err := s.client()
		if err != nil {
			return err
		}
		return run(client)
	}
}
