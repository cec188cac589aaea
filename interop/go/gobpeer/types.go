package main

import (
	"encoding/gob"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// How a type is written, one after the other without anything between:
//
//	?              bool
//	i0 i1 i2 i4 i8 int, int8 to int64 by bytes
//	u0 u1 u2 u4 u8 uint, uint8 to uint64 by bytes
//	up             uintptr
//	f4 f8 c8 c16   float32, float64, complex64, complex128
//	s y            string, []byte
//	T N G P        time.Time, *big.Int, a GobEncoder, a BinaryMarshaler
//	a              any
//	*E [E <3>E     a pointer to E, a slice of E, an array of three E
//	mKE            a map from K to E
//	{NAME T,…}     a struct of such fields
//	(NAME)         one of the types below

// Point is registered as `point`.
type Point struct{ X, Y int }

// Square is registered by pointer, as `*main.Square`.
type Square struct{ Side int }

// Crate is registered as `crate` and holds another interface value.
type Crate struct {
	Tag     string
	Content any
}

// Halt is registered as `halt` and has no fields.
type Halt struct{}

// Node is a list.
type Node struct {
	Value int
	Next  *Node
}

// Tree is a tree.
type Tree struct {
	Label    string
	Branches []Tree
}

// Dir holds itself through a map.
type Dir struct {
	Size int64
	Sub  map[string]Dir
}

// Ping and Pong hold each other.
type Ping struct {
	Pong  *Pong
	Count int
}

// Pong is the other one.
type Pong struct {
	Pings []Ping
	Text  string
}

// Embedding embeds two structs.
type Embedding struct {
	Point
	Square
	Own int
}

// Celsius, Name, Blob and Grades are named types of the basic kinds.
type Celsius float32

// Name is a named string.
type Name string

// Blob is a named []byte.
type Blob []byte

// Grades is a named map.
type Grades map[Name]Celsius

// Named has the named types.
type Named struct {
	Temperature Celsius
	Name        Name
	Blob        Blob
	Grades      Grades
	Pause       time.Duration
	Small       []Name
}

// Gobbed encodes itself: its text between angle brackets.
type Gobbed struct{ text string }

// GobEncode is asked by gob.
func (g Gobbed) GobEncode() ([]byte, error) { return []byte("<" + g.text + ">"), nil }

// GobDecode takes what GobEncode gave, and more.
func (g *Gobbed) GobDecode(encoded []byte) error {
	g.text = strings.TrimSuffix(strings.TrimPrefix(string(encoded), "<"), ">")
	return nil
}

// Packed marshals itself: its text between square brackets.
type Packed struct{ text string }

// MarshalBinary is asked by gob.
func (p Packed) MarshalBinary() ([]byte, error) { return []byte("[" + p.text + "]"), nil }

// UnmarshalBinary takes what MarshalBinary gave, and more.
func (p *Packed) UnmarshalBinary(encoded []byte) error {
	p.text = strings.TrimSuffix(strings.TrimPrefix(string(encoded), "["), "]")
	return nil
}

func init() {
	gob.RegisterName("point", Point{})
	gob.Register(&Square{})
	gob.RegisterName("crate", Crate{})
	gob.RegisterName("halt", Halt{})
}

var named = map[string]reflect.Type{
	"Point":     reflect.TypeOf(Point{}),
	"Square":    reflect.TypeOf(Square{}),
	"Crate":     reflect.TypeOf(Crate{}),
	"Halt":      reflect.TypeOf(Halt{}),
	"Node":      reflect.TypeOf(Node{}),
	"Tree":      reflect.TypeOf(Tree{}),
	"Dir":       reflect.TypeOf(Dir{}),
	"Ping":      reflect.TypeOf(Ping{}),
	"Pong":      reflect.TypeOf(Pong{}),
	"Embedding": reflect.TypeOf(Embedding{}),
	"Named":     reflect.TypeOf(Named{}),
}

var short = map[string]reflect.Type{
	"?":  reflect.TypeOf(false),
	"i0": reflect.TypeOf(int(0)), "i1": reflect.TypeOf(int8(0)), "i2": reflect.TypeOf(int16(0)), "i4": reflect.TypeOf(int32(0)), "i8": reflect.TypeOf(int64(0)),
	"u0": reflect.TypeOf(uint(0)), "u1": reflect.TypeOf(uint8(0)), "u2": reflect.TypeOf(uint16(0)), "u4": reflect.TypeOf(uint32(0)), "u8": reflect.TypeOf(uint64(0)),
	"up": reflect.TypeOf(uintptr(0)),
	"f4": reflect.TypeOf(float32(0)), "f8": reflect.TypeOf(float64(0)),
	"c8": reflect.TypeOf(complex64(0)), "c16": reflect.TypeOf(complex128(0)),
	"s": reflect.TypeOf(""), "y": reflect.TypeOf([]byte(nil)),
	"T": reflect.TypeOf(time.Time{}), "N": reflect.TypeOf((*big.Int)(nil)),
	"G": reflect.TypeOf(Gobbed{}), "P": reflect.TypeOf(Packed{}),
	"a": reflect.TypeOf((*any)(nil)).Elem(),
}

var known = map[string][]reflect.Type{}

// typesOf reads a list of types, and keeps it: making a type is slow.
func typesOf(text string) []reflect.Type {
	if types, found := known[text]; found {
		return types
	}
	var types []reflect.Type
	for rest := text; rest != ""; {
		var typ reflect.Type
		typ, rest = typeOf(rest)
		types = append(types, typ)
	}
	known[text] = types
	return types
}

// typeOf reads one type and answers what is behind it.
func typeOf(text string) (reflect.Type, string) {
	switch text[0] {
	case '*':
		element, rest := typeOf(text[1:])
		return reflect.PointerTo(element), rest
	case '[':
		element, rest := typeOf(text[1:])
		return reflect.SliceOf(element), rest
	case '<':
		size, rest, _ := strings.Cut(text[1:], ">")
		length, err := strconv.Atoi(size)
		must(err)
		element, rest := typeOf(rest)
		return reflect.ArrayOf(length, element), rest
	case 'm':
		key, rest := typeOf(text[1:])
		element, rest := typeOf(rest)
		return reflect.MapOf(key, element), rest
	case '{':
		var fields []reflect.StructField
		rest := text[1:]
		for rest[0] != '}' {
			var field reflect.StructField
			field.Name, rest, _ = strings.Cut(rest, " ")
			field.Type, rest = typeOf(rest)
			fields = append(fields, field)
			rest = strings.TrimPrefix(rest, ",")
		}
		return reflect.StructOf(fields), rest[1:]
	case '(':
		name, rest, _ := strings.Cut(text[1:], ")")
		return named[name], rest
	}
	for size := 3; size > 0; size-- {
		if size <= len(text) && short[text[:size]] != nil {
			return short[text[:size]], text[size:]
		}
	}
	panic("no type is written " + text)
}
