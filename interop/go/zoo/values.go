package zoo

import (
	"math"
	"math/big"
	"net/url"
	"time"
)

// The known value of each method comes first, then the answer to it.

// ScalarsValue has the extremes of every width.
func ScalarsValue() Scalars {
	return Scalars{
		Flag: true,
		Int8: math.MinInt8, Int16: math.MinInt16, Int32: math.MinInt32, Int64: math.MinInt64, Int: -129,
		Uint8: math.MaxUint8, Uint16: math.MaxUint16, Uint32: math.MaxUint32, Uint64: math.MaxUint64, Uint: 256, Uintptr: 4096,
		Float32: 0.1, Float64: 1.0 / 3, Complex64: complex(1.5, -2.5), Complex128: complex(-1, 1e300),
		Text:  "héllo, 世界\n\t\"quoted\" 100% \x00 end",
		Bytes: []byte{0, 1, 127, 128, 255},
		Quad:  [4]byte{1, 127, 128, 255}, Triple: [3]int{1, 0, -2},
	}
}

// ScalarsAnswer turns everything round: complement, negation, reverse order.
func ScalarsAnswer(s Scalars) Scalars {
	return Scalars{
		Flag: !s.Flag,
		Int8: ^s.Int8, Int16: ^s.Int16, Int32: ^s.Int32, Int64: ^s.Int64, Int: ^s.Int,
		Uint8: ^s.Uint8, Uint16: ^s.Uint16, Uint32: ^s.Uint32, Uint64: ^s.Uint64, Uint: s.Uint + 1, Uintptr: s.Uintptr + 1,
		Float32: -s.Float32, Float64: -s.Float64, Complex64: -s.Complex64, Complex128: -s.Complex128,
		Text:  s.Text + "!",
		Bytes: reversed(s.Bytes),
		Quad:  [4]byte{s.Quad[3], s.Quad[2], s.Quad[1], s.Quad[0]}, Triple: [3]int{s.Triple[2], s.Triple[1], s.Triple[0]},
	}
}

// ZerosAnswer is the argument itself.
func ZerosAnswer(s Scalars) Scalars { return s }

// TextValue has every kind of character that a careless codec would change.
func TextValue() string { return "<&> \u2028 é 世界 \U0001F980 \x01\r\n" }

// TextAnswer appends one character.
func TextAnswer(s string) string { return s + "!" }

// RawValue is not UTF-8.
func RawValue() Raw { return Raw{1, "a\xff\xc3(\xfe", 2} }

// RawAnswer swaps the numbers and appends one more byte that is not UTF-8.
func RawAnswer(r Raw) Raw { return Raw{r.After, r.Text + "\x80", r.Before} }

// BytesValue has bytes of every range.
func BytesValue() []byte { return []byte("\x00\x01\x7f\x80\xffgob") }

// BytesAnswer is the reverse.
func BytesAnswer(b []byte) []byte { return reversed(b) }

// FloatsValue has every kind of float; inside a slice the zeros keep their sign.
func FloatsValue() []float64 {
	return []float64{0, math.Copysign(0, -1), 17, math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64, math.MaxFloat64}
}

// FloatsAnswer is the reverse.
func FloatsAnswer(f []float64) []float64 { return reversed(f) }

// NotAnswer is the other bool.
func NotAnswer(b bool) bool { return !b }

// NegateAnswer is the number below zero.
func NegateAnswer(n int) int { return -n }

// HalfAnswer is half the number, cut.
func HalfAnswer(n uint64) uint64 { return n / 2 }

// NarrowAnswer is the complement.
func NarrowAnswer(n int8) int8 { return ^n }

// ConjugateAnswer has the imaginary part negated.
func ConjugateAnswer(c complex128) complex128 { return complex(real(c), -imag(c)) }

// TripleAnswer is the reverse.
func TripleAnswer(t [3]int) [3]int { return [3]int{t[2], t[1], t[0]} }

// QuadAnswer is the reverse.
func QuadAnswer(q [4]byte) [4]byte { return [4]byte{q[3], q[2], q[1], q[0]} }

// NestedValue has zero structs inside, which are sent.
func NestedValue() Outer {
	return Outer{"outer", Point{22, 33}, []Point{{1, 2}, {}, {0, 3}}, Inner{7, Core{0.5, [3]int{0, -1, 1 << 40}}, []string{"", "tag"}}}
}

// NestedAnswer swaps X and Y everywhere, reverses the lists and goes one deeper.
func NestedAnswer(o Outer) Outer {
	corners := reversed(o.Corners)
	for i := range corners {
		corners[i] = swapped(corners[i])
	}
	core := Core{-o.Inner.Core.Weight, TripleAnswer(o.Inner.Core.Ids)}
	return Outer{o.Name + "!", swapped(o.Centre), corners, Inner{o.Inner.Depth + 1, core, reversed(o.Inner.Tags)}}
}

// ListValue is 1, 0, 3, -4.
func ListValue() List { return List{1, &List{0, &List{3, &List{-4, nil}}}} }

// ListAnswer is the reverse.
func ListAnswer(l List) List {
	var done *List
	for at := &l; at != nil; at = at.Next {
		done = &List{at.Value, done}
	}
	return *done
}

// TreeValue has leaves at three depths.
func TreeValue() Tree {
	return Tree{"root", []Tree{{"left", nil}, {"", []Tree{{"deep", []Tree{{"deeper", nil}}}}}, {"right", nil}}}
}

// TreeAnswer is the mirror image.
func TreeAnswer(t Tree) Tree {
	branches := reversed(t.Branches)
	for i := range branches {
		branches[i] = TreeAnswer(branches[i])
	}
	return Tree{t.Label + "!", branches}
}

// GroupsValue has an empty list inside.
func GroupsValue() map[string][]int { return map[string][]int{"few": {1, 0, -2}, "none": {}, "": {9}} }

// GroupsAnswer reverses every list.
func GroupsAnswer(groups map[string][]int) map[string][]int {
	answer := map[string][]int{}
	for name, numbers := range groups {
		answer[name] = reversed(numbers)
	}
	return answer
}

// MapsValue has a map of each kind.
func MapsValue() Maps {
	return Maps{
		Counts: map[string]int{"one": 1, "zero": 0},
		Groups: map[string][]string{"ab": {"a", "b"}, "none": {}},
		Points: map[string]Point{"here": {1, 2}, "origin": {}},
		Names:  map[int]string{-1: "below", 0: "", 1 << 40: "far"},
		Flags:  map[bool]uint8{true: 255, false: 0},
		Nested: map[string]map[string]int{"outer": {"inner": 5}, "empty": {}},
		Empty:  map[string]int{},
	}
}

// MapsAnswer changes every map's elements, and puts one entry into Empty.
func MapsAnswer(m Maps) Maps {
	answer := Maps{map[string]int{}, map[string][]string{}, map[string]Point{}, map[int]string{}, map[bool]uint8{}, map[string]map[string]int{}, map[string]int{"filled": 1}}
	for key, n := range m.Counts {
		answer.Counts[key] = n + 1
	}
	for key, words := range m.Groups {
		answer.Groups[key] = reversed(words)
	}
	for key, point := range m.Points {
		answer.Points[key] = swapped(point)
	}
	for key, name := range m.Names {
		answer.Names[-key] = name + "!"
	}
	for key, n := range m.Flags {
		answer.Flags[!key] = n
	}
	for key, counts := range m.Nested {
		inner := map[string]int{}
		for name, n := range counts {
			inner[name] = n + 1
		}
		answer.Nested[key] = inner
	}
	return answer
}

// GridValue has rows of different lengths, one of them empty.
func GridValue() [][]int { return [][]int{{1, 2, 3}, {}, {-4}} }

// GridAnswer reverses the rows, not what is in them.
func GridAnswer(grid [][]int) [][]int { return reversed(grid) }

// PointersValue has three that are set, two that are nil, and one to a zero struct.
func PointersValue() Pointers {
	number, twice := 5, 7
	pointer := &twice
	return Pointers{Number: &number, Place: &Point{3, 4}, Twice: &pointer, Origin: &Point{}}
}

// PointersAnswer sets what was nil and clears what was set; Origin stays.
func PointersAnswer(p Pointers) Pointers {
	answer := Pointers{Origin: p.Origin}
	if p.Word == nil {
		word := "was nil"
		answer.Word = &word
	}
	if p.Gone == nil && p.Place != nil {
		place := swapped(*p.Place)
		answer.Gone = &place
	}
	if p.Number != nil && p.Twice != nil {
		sum := *p.Number + **p.Twice
		pointer := &sum
		answer.Twice = &pointer
	}
	return answer
}

// ShapesValue has an interface value of every kind.
func ShapesValue() Shapes {
	return Shapes{
		Round: Circle{1.5}, Angular: &Square{3}, Named: Label{"tag"},
		Number: 42, Word: "word", Bytes: []byte{9, 200},
		All:    []any{Circle{0}, &Square{0}, nil, 0, "", []byte{}, Crate{Crate{&Square{8}}}, true, 2.5},
		ByName: map[string]any{"crate": Crate{Label{"inside"}}, "empty": Crate{}},
	}
}

// ShapesAnswer changes every value and reverses the list; Nothing stays nil.
func ShapesAnswer(s Shapes) Shapes {
	all := reversed(s.All)
	for i := range all {
		all[i] = AnyAnswer(all[i])
	}
	named := map[string]any{}
	for name, shape := range s.ByName {
		named[name] = AnyAnswer(shape)
	}
	return Shapes{AnyAnswer(s.Round), AnyAnswer(s.Angular), AnyAnswer(s.Named), AnyAnswer(s.Number), AnyAnswer(s.Word), AnyAnswer(s.Bytes), AnyAnswer(s.Nothing), all, named}
}

// AnyAnswer keeps the type and changes the value; nil, and what it does not know, stay as they are.
func AnyAnswer(shape any) any {
	switch shape := shape.(type) {
	case Circle:
		return Circle{shape.Radius * 2}
	case *Square:
		return &Square{shape.Side + 1}
	case Label:
		return Label{shape.Text + "!"}
	case Crate:
		return Crate{AnyAnswer(shape.Content)}
	case int:
		return -shape
	case string:
		return shape + "!"
	case []byte:
		return reversed(shape)
	case bool:
		return !shape
	case float64:
		return -shape
	}
	return shape
}

// TimesValue has a moment at every kind of offset.
func TimesValue() Times {
	east := time.FixedZone("", 3600)
	// East of Greenwich, because Go itself reads the seconds of a western offset wrongly: it writes -7
	// and reads 249.
	odd := time.FixedZone("", 5*3600+7)
	moment := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC)
	return Times{moment, moment.In(east), moment.In(odd), time.Time{}, []time.Time{{}, time.Unix(-1, 5).UTC(), moment.In(east)}, 1500 * time.Millisecond}
}

// TimesAnswer adds 90 s to every moment but the zero one, and doubles the pause. Offsets stay.
func TimesAnswer(t Times) Times {
	list := make([]time.Time, len(t.List))
	for i := range list {
		list[i] = later(t.List[i])
	}
	return Times{later(t.Utc), later(t.East), later(t.Odd), later(t.Zero), list, 2 * t.Pause}
}

// PauseAnswer is twice the length.
func PauseAnswer(d time.Duration) time.Duration { return 2 * d }

// BigIntsValue has numbers beyond every machine integer.
func BigIntsValue() BigInts {
	large := new(big.Int).Lsh(big.NewInt(1), 200)
	return BigInts{big.NewInt(-258), big.NewInt(0), large, []*big.Int{big.NewInt(0), big.NewInt(math.MinInt64), new(big.Int).Neg(large)}}
}

// BigIntsAnswer negates every number; a nil one is zero.
func BigIntsAnswer(b BigInts) BigInts {
	list := make([]*big.Int, len(b.List))
	for i := range list {
		list[i] = negated(b.List[i])
	}
	return BigInts{negated(b.Negative), negated(b.Zero), negated(b.Large), list}
}

// EmbeddedValue is a dog.
func EmbeddedValue() Dog { return Dog{Animal{"Rex", 4}, "collie"} }

// EmbeddedAnswer swaps name and breed and adds a leg.
func EmbeddedAnswer(d Dog) Dog { return Dog{Animal{d.Breed, d.Legs + 1}, d.Name} }

// NothingAnswer is nothing.
func NothingAnswer(e Empty) Empty { return e }

// Filled is what Fill answers: the byte at i is i % 251, so that no power of two is a period.
func Filled(size int) []byte {
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = byte(i % 251)
	}
	return bytes
}

// AccountV2Value is the account that both sides know whole.
func AccountV2Value() AccountV2 {
	return AccountV2{1 << 33, "Ada", []string{"a", "b"}, Point{1, 2}, map[string]int{"day": 5}}
}

// AccountV1Value is what an older client sends.
func AccountV1Value() AccountV1 { return AccountV1{"Bob", 7} }

// AccountV3Value is what a newer client sends.
func AccountV3Value() AccountV3 {
	return AccountV3{
		Nickname: "ady", Id: 9, History: []Event{{"born", []byte{1}}, {}}, Name: "Ada", Matrix: [2][2]float64{{1, 0}, {0, -1}},
		Tags: []string{"x", "y"}, Home: Place{9, 3, 4}, Photo: 5, Limits: map[string]int{"day": 1},
		Since: TimesValue().East, Balance: big.NewInt(-100), Previous: &AccountV3{Id: 8},
	}
}

// AccountAnswer changes every field; what was not sent counts as zero.
func AccountAnswer(a AccountV2) AccountV2 {
	limits := map[string]int{}
	for name, n := range a.Limits {
		limits[name] = n + 1
	}
	return AccountV2{a.Id + 1, a.Name + "!", reversed(a.Tags), swapped(a.Home), limits}
}

// MarshalersValue has one in every position.
func MarshalersValue() Marshalers {
	return Marshalers{Gobbed{"g"}, Packed{"b"}, &Gobbed{"p"}, nil, []Packed{{"one"}, {""}}, map[string]Gobbed{"k": {"v"}}}
}

// MarshalersAnswer doubles every text.
func MarshalersAnswer(m Marshalers) Marshalers {
	answer := Marshalers{First: Gobbed{m.First.text + m.First.text}, Second: Packed{m.Second.text + m.Second.text}, ByName: map[string]Gobbed{}}
	if m.Pointer != nil {
		answer.Pointer = &Gobbed{m.Pointer.text + m.Pointer.text}
	}
	if m.Missing != nil {
		answer.Missing = &Packed{m.Missing.text + m.Missing.text}
	}
	for _, packed := range m.List {
		answer.List = append(answer.List, Packed{packed.text + packed.text})
	}
	for name, gobbed := range m.ByName {
		answer.ByName[name] = Gobbed{gobbed.text + gobbed.text}
	}
	return answer
}

// LinksValue has one URL by value, one by pointer, and none.
func LinksValue() Links {
	return Links{Home: link("https://user@example.org:8080/zoo"), Away: pointerTo(link("http://[::1]/a%20b")), None: nil}
}

// LinksAnswer appends `/answer` to every path.
func LinksAnswer(l Links) Links {
	answer := Links{Home: link(l.Home.String() + "/answer")}
	if l.Away != nil {
		answer.Away = pointerTo(link(l.Away.String() + "/answer"))
	}
	if l.None != nil {
		answer.None = pointerTo(link(l.None.String() + "/answer"))
	}
	return answer
}

// FailedReply is what Fail leaves in its reply: seen only when the error's text is empty.
const FailedReply = 99

// RawFailure is the text of FailRaw's error, which is not UTF-8.
const RawFailure = "byte \xff and \xc3( are not UTF-8"

func reversed[T any](list []T) []T {
	answer := make([]T, len(list))
	for i := range list {
		answer[len(list)-1-i] = list[i]
	}
	return answer
}

func swapped(p Point) Point { return Point{p.Y, p.X} }

func later(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(90 * time.Second)
}

func negated(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return new(big.Int).Neg(n)
}

func link(text string) url.URL {
	parsed, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return *parsed
}

func pointerTo[T any](value T) *T { return &value }
