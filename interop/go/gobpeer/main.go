// The Go side of the generated gob test: decodes what it is sent, into types that it is told, and
// answers what it found and how it would write it itself.
//
// A batch is a number of jobs (four bytes, big-endian), then the jobs. A job is one byte that says
// what is wanted, then two texts, each after its length in four bytes: the types of the values in
// the stream, one after the other (types.go says how they are written), and the stream. An answer is
// one byte that says how it went, then two texts: what was found (describe.go) or the error's text,
// and the values as Go writes them, if that is wanted. Answers come in the order of the jobs, when
// all of a batch are done.
//
// A job that takes too long or too much memory ends the process: it has no verdict.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"io"
	"log"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// What is wanted.
	decode, decodeAndEncode = 'd', 'e'
	// How it went.
	accepted, refused, panicked = 'a', 'r', 'p'

	jobTime   = 2 * time.Second
	memoryMax = 3 << 30
)

func main() {
	log.SetPrefix("gobpeer: ")
	log.SetFlags(0)
	// Address space, of which Go reserves more than it uses.
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: memoryMax, Max: memoryMax}); err != nil {
		log.Fatal(err)
	}
	began := new(atomic.Int64)
	go watch(began)

	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	// Not written before the whole batch is read: the other side does not read before either.
	var output bytes.Buffer
	for {
		jobs, err := number(input)
		if err == io.EOF {
			return
		}
		must(err)
		for ; jobs > 0; jobs-- {
			wanted, err := input.ReadByte()
			must(err)
			types, err := text(input)
			must(err)
			stream, err := text(input)
			must(err)

			began.Store(time.Now().UnixNano())
			verdict, found, written := judge(wanted, string(types), stream)
			began.Store(0)

			output.WriteByte(verdict)
			putText(&output, []byte(found))
			putText(&output, written)
		}
		_, err = output.WriteTo(os.Stdout)
		must(err)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// watch ends the process when a job takes too long: nothing else can stop it.
func watch(began *atomic.Int64) {
	for range time.Tick(jobTime / 10) {
		if at := began.Load(); at != 0 && time.Since(time.Unix(0, at)) > jobTime {
			log.Fatalf("a job took longer than %s", jobTime)
		}
	}
}

func judge(wanted byte, types string, stream []byte) (verdict byte, found string, written []byte) {
	defer func() {
		if reason := recover(); reason != nil {
			verdict, found, written = panicked, fmt.Sprint(reason), nil
		}
	}()

	decoder := gob.NewDecoder(bytes.NewReader(stream))
	var again bytes.Buffer
	encoder := gob.NewEncoder(&again)
	var all strings.Builder
	for i, typ := range typesOf(types) {
		value := reflect.New(typ)
		if err := decoder.DecodeValue(value); err != nil {
			return refused, fmt.Sprintf("%d%s|%s", i, all.String(), err), nil
		}
		all.WriteByte('|')
		describe(&all, value.Elem())
		if wanted == decodeAndEncode {
			if typ.Kind() == reflect.Pointer {
				// A pointer to a *big.Int is one pointer too many for the encoder.
				value = value.Elem()
			}
			if err := encoder.EncodeValue(value); err != nil {
				return panicked, err.Error(), nil
			}
		}
	}
	return accepted, all.String(), again.Bytes()
}

func number(input io.Reader) (uint32, error) {
	var bytes [4]byte
	_, err := io.ReadFull(input, bytes[:])
	return binary.BigEndian.Uint32(bytes[:]), err
}

func text(input io.Reader) ([]byte, error) {
	size, err := number(input)
	if err != nil {
		return nil, err
	}
	bytes := make([]byte, size)
	_, err = io.ReadFull(input, bytes)
	return bytes, err
}

func putText(output *bytes.Buffer, text []byte) {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(text)))
	output.Write(size[:])
	output.Write(text)
}
