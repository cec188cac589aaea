// A net/rpc client of Go's own that puts a server of Arith and Zoo through named cases.
//
// It prints `ok NAME` or `FAIL NAME: WHY` for each, then `cases: N passed, M failed`, and ends with
// status 1 if one failed. A case that does not end in its time has failed.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"strings"
	"time"
)

// A check is one case: what it is called, and what must go well.
type check struct {
	name string
	run  func(*suite) error
	// Zero means 30 s.
	within time.Duration
}

func main() {
	dial := flag.String("dial", "", "the server: tcp://HOST:PORT, unix:///PATH, http://HOST:PORT[/PATH] or http+unix:///PATH")
	stress := flag.Bool("stress", false, "run stress/nonces too: 64 goroutines that share a connection")
	calls := flag.Int("calls", 1000, "how many calls each goroutine of stress/nonces makes")
	cancels := flag.Bool("cancels", false, "expect the server to know _goRPC_.Cancel")
	inJSON := flag.Bool("json", false, "speak JSON instead of gob, and leave out what JSON has no words for")
	only := flag.String("only", "", "run the cases whose name matches this regular expression")
	allow := flag.String("allow", "", "cases that must fail, separated by commas: a known difference, which is told when it is gone")
	flag.Parse()
	// The rpc package logs what it does about broken connections, which some cases make on purpose.
	log.SetOutput(io.Discard)

	pattern, err := regexp.Compile(*only)
	if err != nil || *dial == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	server, err := serverAt(*dial)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	allowed := map[string]bool{}
	for _, name := range strings.Split(*allow, ",") {
		allowed[name] = true
	}

	checks := roundTrips()
	checks = append(checks, evolutionChecks()...)
	checks = append(checks, refusalChecks()...)
	checks = append(checks, manyChecks()...)
	checks = append(checks, rawChecks()...)
	checks = append(checks, cancelChecks(*cancels)...)
	if strings.HasPrefix(*dial, "http") {
		checks = append(checks, httpChecks()...)
	}
	if *stress {
		checks = append(checks, check{"stress/nonces", nonces(64, *calls), time.Hour})
	}

	server.inJSON = *inJSON
	suite := &suite{server: server}
	passed, failed := 0, 0
	for _, check := range checks {
		if !pattern.MatchString(check.name) || *inJSON && gobsOwn.MatchString(check.name) {
			continue
		}
		err := suite.run(check)
		if allowed[check.name] {
			if err == nil {
				err = fmt.Errorf("passes, although it is on the list of known differences")
			} else {
				fmt.Printf("ok %s (known difference: %v)\n", check.name, oneLine(err))
				err = nil
			}
		} else if err == nil {
			fmt.Printf("ok %s\n", check.name)
		}
		if err != nil {
			fmt.Printf("FAIL %s: %s\n", check.name, oneLine(err))
			failed++
		} else {
			passed++
		}
	}
	fmt.Printf("cases: %d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// gobsOwn are the cases about gob itself, or with types that encoding/json does not know, writes in another
// form than serde does, or does not tell apart.
var gobsOwn = regexp.MustCompile("^(evolution|mistyped|raw|cancel)/|definitions|/not_utf_8$|/new_types_late|" +
	"/(scalars|zeros|raw|floats|conjugate|maps|shapes|any_.*|times|pause|big_ints|embedded|marshalers|links)$")

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", `\n`) }
