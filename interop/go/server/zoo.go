package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"ferrywire.test/interop/zoo"
)

// Zoo has one method for each kind of type.
type Zoo struct{ running int64 }

// answer refuses an argument that is not the known one, and otherwise answers what follows from it.
func answer[T any](method string, got, expected T, reply *T, follows func(T) T) error {
	if err := zoo.Differ(got, expected); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	*reply = follows(got)
	return nil
}

// Scalars expects the known value.
func (z *Zoo) Scalars(arg *zoo.Scalars, reply *zoo.Scalars) error {
	return answer("Scalars", *arg, zoo.ScalarsValue(), reply, zoo.ScalarsAnswer)
}

// Zeros expects zeros and answers zeros.
func (z *Zoo) Zeros(arg *zoo.Scalars, reply *zoo.Scalars) error {
	return answer("Zeros", *arg, zoo.Scalars{}, reply, zoo.ZerosAnswer)
}

// Text takes any text.
func (z *Zoo) Text(arg string, reply *string) error {
	*reply = zoo.TextAnswer(arg)
	return nil
}

// Raw expects the known value.
func (z *Zoo) Raw(arg *zoo.Raw, reply *zoo.Raw) error {
	return answer("Raw", *arg, zoo.RawValue(), reply, zoo.RawAnswer)
}

// Bytes takes any bytes.
func (z *Zoo) Bytes(arg []byte, reply *[]byte) error {
	*reply = zoo.BytesAnswer(arg)
	return nil
}

// Floats expects the known value.
func (z *Zoo) Floats(arg []float64, reply *[]float64) error {
	return answer("Floats", arg, zoo.FloatsValue(), reply, zoo.FloatsAnswer)
}

// Not takes any bool.
func (z *Zoo) Not(arg bool, reply *bool) error {
	*reply = zoo.NotAnswer(arg)
	return nil
}

// Negate takes any number.
func (z *Zoo) Negate(arg int, reply *int) error {
	*reply = zoo.NegateAnswer(arg)
	return nil
}

// Half takes any number.
func (z *Zoo) Half(arg uint64, reply *uint64) error {
	*reply = zoo.HalfAnswer(arg)
	return nil
}

// Narrow takes a number of eight bits.
func (z *Zoo) Narrow(arg int8, reply *int8) error {
	*reply = zoo.NarrowAnswer(arg)
	return nil
}

// Conjugate takes any complex number.
func (z *Zoo) Conjugate(arg complex128, reply *complex128) error {
	*reply = zoo.ConjugateAnswer(arg)
	return nil
}

// Triple takes any three numbers.
func (z *Zoo) Triple(arg [3]int, reply *[3]int) error {
	*reply = zoo.TripleAnswer(arg)
	return nil
}

// Quad takes any four bytes.
func (z *Zoo) Quad(arg [4]byte, reply *[4]byte) error {
	*reply = zoo.QuadAnswer(arg)
	return nil
}

// Nested expects the known value.
func (z *Zoo) Nested(arg *zoo.Outer, reply *zoo.Outer) error {
	return answer("Nested", *arg, zoo.NestedValue(), reply, zoo.NestedAnswer)
}

// List expects the known value.
func (z *Zoo) List(arg *zoo.List, reply *zoo.List) error {
	return answer("List", *arg, zoo.ListValue(), reply, zoo.ListAnswer)
}

// Tree expects the known value.
func (z *Zoo) Tree(arg *zoo.Tree, reply *zoo.Tree) error {
	return answer("Tree", *arg, zoo.TreeValue(), reply, zoo.TreeAnswer)
}

// Groups expects the known value.
func (z *Zoo) Groups(arg map[string][]int, reply *map[string][]int) error {
	return answer("Groups", arg, zoo.GroupsValue(), reply, zoo.GroupsAnswer)
}

// Maps expects the known value.
func (z *Zoo) Maps(arg *zoo.Maps, reply *zoo.Maps) error {
	return answer("Maps", *arg, zoo.MapsValue(), reply, zoo.MapsAnswer)
}

// Grid expects the known value.
func (z *Zoo) Grid(arg [][]int, reply *[][]int) error {
	return answer("Grid", arg, zoo.GridValue(), reply, zoo.GridAnswer)
}

// Pointers expects the known value.
func (z *Zoo) Pointers(arg *zoo.Pointers, reply *zoo.Pointers) error {
	return answer("Pointers", *arg, zoo.PointersValue(), reply, zoo.PointersAnswer)
}

// Shapes expects the known value.
func (z *Zoo) Shapes(arg *zoo.Shapes, reply *zoo.Shapes) error {
	return answer("Shapes", *arg, zoo.ShapesValue(), reply, zoo.ShapesAnswer)
}

// Any takes any registered value.
func (z *Zoo) Any(arg any, reply *any) error {
	*reply = zoo.AnyAnswer(arg)
	return nil
}

// Times expects the known value.
func (z *Zoo) Times(arg *zoo.Times, reply *zoo.Times) error {
	return answer("Times", *arg, zoo.TimesValue(), reply, zoo.TimesAnswer)
}

// Pause takes any length of time.
func (z *Zoo) Pause(arg time.Duration, reply *time.Duration) error {
	*reply = zoo.PauseAnswer(arg)
	return nil
}

// BigInts expects the known value.
func (z *Zoo) BigInts(arg *zoo.BigInts, reply *zoo.BigInts) error {
	return answer("BigInts", *arg, zoo.BigIntsValue(), reply, zoo.BigIntsAnswer)
}

// Embedded expects the known value.
func (z *Zoo) Embedded(arg *zoo.Dog, reply *zoo.Dog) error {
	return answer("Embedded", *arg, zoo.EmbeddedValue(), reply, zoo.EmbeddedAnswer)
}

// Nothing takes and answers a struct without fields.
func (z *Zoo) Nothing(arg *zoo.Empty, reply *zoo.Empty) error { return nil }

// Account takes any account, of any version.
func (z *Zoo) Account(arg *zoo.AccountV2, reply *zoo.AccountV2) error {
	*reply = zoo.AccountAnswer(*arg)
	return nil
}

// Marshalers expects the known value.
func (z *Zoo) Marshalers(arg *zoo.Marshalers, reply *zoo.Marshalers) error {
	return answer("Marshalers", *arg, zoo.MarshalersValue(), reply, zoo.MarshalersAnswer)
}

// Links expects the known value.
func (z *Zoo) Links(arg *zoo.Links, reply *zoo.Links) error {
	return answer("Links", *arg, zoo.LinksValue(), reply, zoo.LinksAnswer)
}

// Fill answers so many bytes.
func (z *Zoo) Fill(size int, reply *[]byte) error {
	if size < 0 || size > 3<<20 {
		return fmt.Errorf("Fill: %d bytes, expected 0 to %d", size, 3<<20)
	}
	*reply = zoo.Filled(size)
	return nil
}

// Numbers leaves its reply alone, which net/rpc has made an empty list.
func (z *Zoo) Numbers(arg int, reply *[]int) error { return nil }

// Fail sets its reply and then fails with the text that it is given.
func (z *Zoo) Fail(text string, reply *int) error {
	*reply = zoo.FailedReply
	return errors.New(text)
}

// FailRaw fails with a text that is not UTF-8.
func (z *Zoo) FailRaw(arg int, reply *int) error { return errors.New(zoo.RawFailure) }

// Slow answers after so many milliseconds.
func (z *Zoo) Slow(ms int, reply *int) error {
	atomic.AddInt64(&z.running, 1)
	defer atomic.AddInt64(&z.running, -1)
	time.Sleep(time.Duration(ms) * time.Millisecond)
	*reply = ms
	return nil
}

// Running answers how many calls of Slow have begun and not ended.
func (z *Zoo) Running(arg int, reply *int) error {
	*reply = int(atomic.LoadInt64(&z.running))
	return nil
}

// Nonce answers what it is given.
func (z *Zoo) Nonce(arg *zoo.Nonce, reply *zoo.Nonce) error {
	*reply = *arg
	return nil
}
