// Package zoo holds the types that Go and Rust exchange, one of each kind that gob knows, and for
// each the value that both sides know and the answer that a server gives to it.
//
// README.md, one folder up from the module, describes the same types field by field. A change here
// is a change there and in the Rust twin.
package zoo

import (
	"encoding/gob"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// Args is what Arith is asked about.
type Args struct{ A, B int }

// Quotient is what Arith.Divide answers.
type Quotient struct{ Quo, Rem int }

// Scalars has one field of every kind that is a single value, and the flat containers of them.
type Scalars struct {
	Flag       bool
	Int8       int8
	Int16      int16
	Int32      int32
	Int64      int64
	Int        int
	Uint8      uint8
	Uint16     uint16
	Uint32     uint32
	Uint64     uint64
	Uint       uint
	Uintptr    uintptr
	Float32    float32
	Float64    float64
	Complex64  complex64
	Complex128 complex128
	Text       string
	Bytes      []byte
	Quad       [4]byte
	Triple     [3]int
}

// Raw holds a string that is not UTF-8, between two fields that show where it went wrong.
type Raw struct {
	Before int
	Text   string
	After  int
}

// Point is the smallest struct with two fields.
type Point struct{ X, Y int }

// Outer, Inner and Core are structs within structs.
type Outer struct {
	Name    string
	Centre  Point
	Corners []Point
	Inner   Inner
}

// Inner is the middle one of Outer.
type Inner struct {
	Depth int
	Core  Core
	Tags  []string
}

// Core is the innermost one of Outer.
type Core struct {
	Weight float64
	Ids    [3]int
}

// List is a type that holds itself through a pointer.
type List struct {
	Value int
	Next  *List
}

// Tree is a type that holds itself through a slice.
type Tree struct {
	Label    string
	Branches []Tree
}

// Maps has maps of every kind of key and element that the zoo needs.
type Maps struct {
	Counts map[string]int
	Groups map[string][]string
	Points map[string]Point
	Names  map[int]string
	Flags  map[bool]uint8
	Nested map[string]map[string]int
	Empty  map[string]int
}

// Pointers has pointers that are set, nil, double, and to a zero struct.
type Pointers struct {
	Number *int
	Word   *string
	Place  *Point
	Twice  **int
	Origin *Point
	Gone   *Point
}

// Circle is registered by value, so its name holds the whole import path.
type Circle struct{ Radius float64 }

// Square is registered by pointer, so its name is `*zoo.Square`.
type Square struct{ Side int }

// Label is registered under a name of its own, `label`.
type Label struct{ Text string }

// Crate is registered by value and holds another interface value.
type Crate struct{ Content any }

// Shapes has interface fields, one for each way in which a name is registered.
type Shapes struct {
	Round   any
	Angular any
	Named   any
	Number  any
	Word    any
	Bytes   any
	Nothing any
	All     []any
	ByName  map[string]any
}

// Times has moments with every kind of offset, and a length of time.
type Times struct {
	Utc   time.Time
	East  time.Time
	Odd   time.Time
	Zero  time.Time
	List  []time.Time
	Pause time.Duration
}

// BigInts has integers of any size.
type BigInts struct {
	Negative *big.Int
	Zero     *big.Int
	Large    *big.Int
	List     []*big.Int
}

// Animal is embedded in Dog.
type Animal struct {
	Name string
	Legs int
}

// Dog embeds a struct, which travels as a field of that struct's name.
type Dog struct {
	Animal
	Breed string
}

// Empty has no fields.
type Empty struct{}

// AccountV2 is the account that a server knows.
type AccountV2 struct {
	Id     int64
	Name   string
	Tags   []string
	Home   Point
	Limits map[string]int
}

// AccountV1 is an older client's account: fewer fields, in another order, one of them narrower.
type AccountV1 struct {
	Name string
	Id   int32
}

// AccountV3 is a newer client's account: fields of every kind that the server must pass over.
type AccountV3 struct {
	Nickname string
	Id       int64
	History  []Event
	Name     string
	Matrix   [2][2]float64
	Tags     []string
	Home     Place
	Photo    any
	Limits   map[string]int
	Since    time.Time
	Balance  *big.Int
	Previous *AccountV3
}

// Event is in the history of AccountV3.
type Event struct {
	What string
	Data []byte
}

// Place is a Point with one more field, in front.
type Place struct{ Z, X, Y int }

// Stranger shares no field with any other type here.
type Stranger struct{ Hat string }

// Gobbed encodes itself: its text between angle brackets.
type Gobbed struct{ text string }

// GobEncode is asked by gob, in place of looking at fields.
func (g Gobbed) GobEncode() ([]byte, error) { return []byte("<" + g.text + ">"), nil }

// GobDecode takes what GobEncode gave.
func (g *Gobbed) GobDecode(encoded []byte) error {
	g.text = strings.TrimSuffix(strings.TrimPrefix(string(encoded), "<"), ">")
	return nil
}

// Packed marshals itself: its text between square brackets.
type Packed struct{ text string }

// MarshalBinary is asked by gob, in place of looking at fields.
func (p Packed) MarshalBinary() ([]byte, error) { return []byte("[" + p.text + "]"), nil }

// UnmarshalBinary takes what MarshalBinary gave.
func (p *Packed) UnmarshalBinary(encoded []byte) error {
	p.text = strings.TrimSuffix(strings.TrimPrefix(string(encoded), "["), "]")
	return nil
}

// Marshalers has types that encode themselves, in every position.
type Marshalers struct {
	First   Gobbed
	Second  Packed
	Pointer *Gobbed
	Missing *Packed
	List    []Packed
	ByName  map[string]Gobbed
}

// Links has URLs, which marshal themselves as their text.
type Links struct {
	Home url.URL
	Away *url.URL
	None *url.URL
}

// Nonce is returned as it came, so that a reply that reached another caller is noticed.
type Nonce struct {
	Worker  uint64
	Number  uint64
	Payload []byte
}

// CancelArgs names the request that is to be stopped, as github.com/keegancsmith/rpc does.
type CancelArgs struct{ Seq uint64 }

func init() {
	gob.Register(Circle{})
	gob.Register(&Square{})
	gob.RegisterName("label", Label{})
	gob.Register(Crate{})
}
