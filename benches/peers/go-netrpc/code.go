package main

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"log"
	"reflect"
	"time"

	"ferrywire.test/benches/support"
)

// Args is the textbook's argument.
type Args struct{ A, B int64 }

// Ten has a field of most scalar kinds.
type Ten struct {
	Id    int64
	Count uint32
	Ok    bool
	Ratio float64
	A     int32
	B     int64
	C     uint64
	D     float64
	E     int16
	F     uint8
}

var ten = Ten{1_234_567, 42, true, 1.0 / 3, -70_000, 5, 1 << 40, 2.5, -300, 200}

// code answers `bytes VALUE` with the value's first message and a later one, in hexadecimal, and
// `run VALUE OPERATION MILLISECONDS` with `OPERATIONS CPU_NANOSECONDS`.
func code() {
	values := map[string]*loops{
		"args":     loopsOf(Args{7, 8}),
		"ten":      loopsOf(ten),
		"thousand": loopsOf(thousand()),
		"bytes":    loopsOf(bytes.Repeat([]byte{0x5a}, 64<<10)),
	}
	fmt.Println("ready")
	support.Orders(func(words []string) string {
		loops := values[words[1]]
		if words[0] == "bytes" {
			return hex.EncodeToString(loops.first) + " " + hex.EncodeToString(loops.value)
		}
		batch, verify := loops.operations[words[2]]()
		length := time.Duration(support.Number(words[3])) * time.Millisecond
		before, start, count := support.CPU(), time.Now(), 0
		for time.Since(start) < length {
			batch(loops.batch)
			count += loops.batch
		}
		used := support.CPU() - before
		verify()
		return fmt.Sprint(count, used)
	})
}

func thousand() []Ten {
	values := make([]Ten, 1000)
	for at := range values {
		values[at] = ten
	}
	return values
}

// loops are the operations on one value. Each is made anew for a slice, then run in batches, then verified.
type loops struct {
	first, value []byte
	batch        int
	operations   map[string]func() (batch func(count int), verify func())
}

func loopsOf[T any](value T) *loops {
	var out bytes.Buffer
	encoder := gob.NewEncoder(&out)
	must(encoder.Encode(&value))
	first := bytes.Clone(out.Bytes())
	out.Reset()
	must(encoder.Encode(&value))
	loops := &loops{first: first, value: bytes.Clone(out.Bytes()), batch: 1 + 50_000/(100+out.Len())}
	loops.operations = map[string]func() (func(int), func()){
		"encode": func() (func(int), func()) {
			var out bytes.Buffer
			encoder := gob.NewEncoder(&out)
			must(encoder.Encode(&value))
			return func(count int) {
				for range count {
					out.Reset()
					must(encoder.Encode(&value))
				}
			}, func() {}
		},
		"encode-first": func() (func(int), func()) {
			var out bytes.Buffer
			return func(count int) {
				for range count {
					out.Reset()
					must(gob.NewEncoder(&out).Encode(&value))
				}
			}, func() {}
		},
		"decode": func() (func(int), func()) {
			decoder := gob.NewDecoder(&again{first: loops.first, value: loops.value})
			var decoded T
			return func(count int) {
				for range count {
					decoded = *new(T)
					must(decoder.Decode(&decoded))
				}
			}, func() { compare(decoded, value) }
		},
		"decode-first": func() (func(int), func()) {
			var decoded T
			return func(count int) {
				for range count {
					decoded = *new(T)
					must(gob.NewDecoder(bytes.NewReader(loops.first)).Decode(&decoded))
				}
			}, func() { compare(decoded, value) }
		},
	}
	return loops
}

// again gives its first message once and its value for ever after.
type again struct {
	first, value []byte
	reader       bytes.Reader
}

func (again *again) refill() {
	if again.reader.Len() > 0 {
		return
	}
	next := again.value
	if again.first != nil {
		next, again.first = again.first, nil
	}
	again.reader.Reset(next)
}

func (again *again) Read(into []byte) (int, error) { again.refill(); return again.reader.Read(into) }
func (again *again) ReadByte() (byte, error)       { again.refill(); return again.reader.ReadByte() }

func compare[T any](found, expected T) {
	if !reflect.DeepEqual(found, expected) {
		log.Fatalf("decoded %v, expected %v", found, expected)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
