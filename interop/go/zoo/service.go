package zoo

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Service is offered as `Zoo`: one method for each kind of type.
type Service struct{ running int64 }

// answer refuses an argument that is not the known one, and otherwise answers what follows from it.
func answer[T any](method string, got, expected T, reply *T, follows func(T) T) error {
	if err := Differ(got, expected); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	*reply = follows(got)
	return nil
}

// Scalars expects the known value.
func (z *Service) Scalars(arg *Scalars, reply *Scalars) error {
	return answer("Scalars", *arg, ScalarsValue(), reply, ScalarsAnswer)
}

// Zeros expects zeros and answers zeros.
func (z *Service) Zeros(arg *Scalars, reply *Scalars) error {
	return answer("Zeros", *arg, Scalars{}, reply, ZerosAnswer)
}

// Text takes any text.
func (z *Service) Text(arg string, reply *string) error {
	*reply = TextAnswer(arg)
	return nil
}

// Raw expects the known value.
func (z *Service) Raw(arg *Raw, reply *Raw) error {
	return answer("Raw", *arg, RawValue(), reply, RawAnswer)
}

// Bytes takes any bytes.
func (z *Service) Bytes(arg []byte, reply *[]byte) error {
	*reply = BytesAnswer(arg)
	return nil
}

// Floats expects the known value.
func (z *Service) Floats(arg []float64, reply *[]float64) error {
	return answer("Floats", arg, FloatsValue(), reply, FloatsAnswer)
}

// Not takes any bool.
func (z *Service) Not(arg bool, reply *bool) error {
	*reply = NotAnswer(arg)
	return nil
}

// Negate takes any number.
func (z *Service) Negate(arg int, reply *int) error {
	*reply = NegateAnswer(arg)
	return nil
}

// Half takes any number.
func (z *Service) Half(arg uint64, reply *uint64) error {
	*reply = HalfAnswer(arg)
	return nil
}

// Narrow takes a number of eight bits.
func (z *Service) Narrow(arg int8, reply *int8) error {
	*reply = NarrowAnswer(arg)
	return nil
}

// Conjugate takes any complex number.
func (z *Service) Conjugate(arg complex128, reply *complex128) error {
	*reply = ConjugateAnswer(arg)
	return nil
}

// Triple takes any three numbers.
func (z *Service) Triple(arg [3]int, reply *[3]int) error {
	*reply = TripleAnswer(arg)
	return nil
}

// Quad takes any four bytes.
func (z *Service) Quad(arg [4]byte, reply *[4]byte) error {
	*reply = QuadAnswer(arg)
	return nil
}

// Nested expects the known value.
func (z *Service) Nested(arg *Outer, reply *Outer) error {
	return answer("Nested", *arg, NestedValue(), reply, NestedAnswer)
}

// List expects the known value.
func (z *Service) List(arg *List, reply *List) error {
	return answer("List", *arg, ListValue(), reply, ListAnswer)
}

// Tree expects the known value.
func (z *Service) Tree(arg *Tree, reply *Tree) error {
	return answer("Tree", *arg, TreeValue(), reply, TreeAnswer)
}

// Groups expects the known value.
func (z *Service) Groups(arg map[string][]int, reply *map[string][]int) error {
	return answer("Groups", arg, GroupsValue(), reply, GroupsAnswer)
}

// Maps expects the known value.
func (z *Service) Maps(arg *Maps, reply *Maps) error {
	return answer("Maps", *arg, MapsValue(), reply, MapsAnswer)
}

// Grid expects the known value.
func (z *Service) Grid(arg [][]int, reply *[][]int) error {
	return answer("Grid", arg, GridValue(), reply, GridAnswer)
}

// Pointers expects the known value.
func (z *Service) Pointers(arg *Pointers, reply *Pointers) error {
	return answer("Pointers", *arg, PointersValue(), reply, PointersAnswer)
}

// Shapes expects the known value.
func (z *Service) Shapes(arg *Shapes, reply *Shapes) error {
	return answer("Shapes", *arg, ShapesValue(), reply, ShapesAnswer)
}

// Any takes any registered value.
func (z *Service) Any(arg any, reply *any) error {
	*reply = AnyAnswer(arg)
	return nil
}

// Times expects the known value.
func (z *Service) Times(arg *Times, reply *Times) error {
	return answer("Times", *arg, TimesValue(), reply, TimesAnswer)
}

// Pause takes any length of time.
func (z *Service) Pause(arg time.Duration, reply *time.Duration) error {
	*reply = PauseAnswer(arg)
	return nil
}

// BigInts expects the known value.
func (z *Service) BigInts(arg *BigInts, reply *BigInts) error {
	return answer("BigInts", *arg, BigIntsValue(), reply, BigIntsAnswer)
}

// Embedded expects the known value.
func (z *Service) Embedded(arg *Dog, reply *Dog) error {
	return answer("Embedded", *arg, EmbeddedValue(), reply, EmbeddedAnswer)
}

// Nothing takes and answers a struct without fields.
func (z *Service) Nothing(arg *Empty, reply *Empty) error { return nil }

// Account takes any account, of any version.
func (z *Service) Account(arg *AccountV2, reply *AccountV2) error {
	*reply = AccountAnswer(*arg)
	return nil
}

// Marshalers expects the known value.
func (z *Service) Marshalers(arg *Marshalers, reply *Marshalers) error {
	return answer("Marshalers", *arg, MarshalersValue(), reply, MarshalersAnswer)
}

// Links expects the known value.
func (z *Service) Links(arg *Links, reply *Links) error {
	return answer("Links", *arg, LinksValue(), reply, LinksAnswer)
}

// Fill answers so many bytes.
func (z *Service) Fill(size int, reply *[]byte) error {
	if size < 0 || size > 3<<20 {
		return fmt.Errorf("Fill: %d bytes, expected 0 to %d", size, 3<<20)
	}
	*reply = Filled(size)
	return nil
}

// Numbers leaves its reply alone, which net/rpc has made an empty list.
func (z *Service) Numbers(arg int, reply *[]int) error { return nil }

// Fail sets its reply and then fails with the text that it is given.
func (z *Service) Fail(text string, reply *int) error {
	*reply = FailedReply
	return errors.New(text)
}

// FailRaw fails with a text that is not UTF-8.
func (z *Service) FailRaw(arg int, reply *int) error { return errors.New(RawFailure) }

// Slow answers after so many milliseconds.
func (z *Service) Slow(ms int, reply *int) error {
	atomic.AddInt64(&z.running, 1)
	defer atomic.AddInt64(&z.running, -1)
	time.Sleep(time.Duration(ms) * time.Millisecond)
	*reply = ms
	return nil
}

// Running answers how many calls of Slow have begun and not ended.
func (z *Service) Running(arg int, reply *int) error {
	*reply = int(atomic.LoadInt64(&z.running))
	return nil
}

// Nonce answers what it is given.
func (z *Service) Nonce(arg *Nonce, reply *Nonce) error {
	*reply = *arg
	return nil
}
