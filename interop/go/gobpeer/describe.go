package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// How a value is described, so that equal text means the same value to gob:
//
//	t f            a bool
//	-7             a number
//	x3ff0…         a float by its 64 bits, xNaN for all that are none; a complex is two
//	s61ff          the bytes of a string, a []byte, or of a marshaler's text
//	T12.5+3600     a moment: seconds since 1970, nanoseconds, offset in seconds
//	N-1f           a big integer in hexadecimal
//	-              a nil pointer, or one to what gob leaves out of a struct: zero, or empty
//	*V             another pointer
//	[V V]          a slice or an array
//	{V V}          a struct
//	<K=V K=V>      a map, its entries in the order of their text
//	(NAME V)       an interface value by the name of its type, () for nil
func describe(text *strings.Builder, value reflect.Value) {
	switch value.Type() {
	case short["T"]:
		describeTime(text, value.Interface().(time.Time))
		return
	case short["N"]:
		number := value.Interface().(*big.Int)
		if number == nil {
			number = new(big.Int)
		}
		text.WriteString("N" + number.Text(16))
		return
	case short["G"], short["P"]:
		text.WriteString("s" + hex.EncodeToString([]byte(value.Field(0).String())))
		return
	}
	switch value.Kind() {
	case reflect.Bool:
		text.WriteString(map[bool]string{true: "t", false: "f"}[value.Bool()])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		text.WriteString(strconv.FormatInt(value.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		text.WriteString(strconv.FormatUint(value.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		describeFloat(text, value.Float())
	case reflect.Complex64, reflect.Complex128:
		describeFloat(text, real(value.Complex()))
		describeFloat(text, imag(value.Complex()))
	case reflect.String:
		text.WriteString("s" + hex.EncodeToString([]byte(value.String())))
	case reflect.Pointer:
		if value.IsNil() || leftOut(value.Elem()) {
			text.WriteByte('-')
			return
		}
		text.WriteByte('*')
		describe(text, value.Elem())
	case reflect.Slice, reflect.Array:
		if value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8 {
			text.WriteString("s" + hex.EncodeToString(value.Bytes()))
			return
		}
		text.WriteByte('[')
		for i := 0; i < value.Len(); i++ {
			space(text, i)
			describe(text, value.Index(i))
		}
		text.WriteByte(']')
	case reflect.Struct:
		text.WriteByte('{')
		for i := 0; i < value.NumField(); i++ {
			space(text, i)
			describe(text, value.Field(i))
		}
		text.WriteByte('}')
	case reflect.Map:
		entries := make([]string, 0, value.Len())
		for each := value.MapRange(); each.Next(); {
			var entry strings.Builder
			describe(&entry, each.Key())
			entry.WriteByte('=')
			describe(&entry, each.Value())
			entries = append(entries, entry.String())
		}
		sort.Strings(entries)
		text.WriteString("<" + strings.Join(entries, " ") + ">")
	case reflect.Interface:
		if value.IsNil() {
			text.WriteString("()")
			return
		}
		content := value.Elem()
		text.WriteString("(" + nameOf(content.Type()) + " ")
		if content.Kind() == reflect.Pointer {
			content = content.Elem()
		}
		describe(text, content)
		text.WriteByte(')')
	default:
		panic("no description of " + value.Type().String())
	}
}

func space(text *strings.Builder, i int) {
	if i > 0 {
		text.WriteByte(' ')
	}
}

func describeTime(text *strings.Builder, moment time.Time) {
	_, offset := moment.Zone()
	fmt.Fprintf(text, "T%d.%d%+d", moment.Unix(), moment.Nanosecond(), offset)
}

func describeFloat(text *strings.Builder, number float64) {
	if math.IsNaN(number) {
		text.WriteString("xNaN")
		return
	}
	fmt.Fprintf(text, "x%x", math.Float64bits(number))
}

// leftOut tells whether gob leaves the value out of a struct, or would if it were nil and not empty.
func leftOut(value reflect.Value) bool {
	switch value.Type() {
	case short["N"]:
		return value.IsNil() || value.Interface().(*big.Int).Sign() == 0
	case short["T"], short["G"], short["P"]:
		return value.IsZero()
	}
	switch value.Kind() {
	case reflect.Struct, reflect.Array:
		return false
	case reflect.Slice, reflect.Map:
		return value.Len() == 0
	case reflect.Float32, reflect.Float64:
		return value.Float() == 0
	case reflect.Complex64, reflect.Complex128:
		return value.Complex() == 0
	case reflect.Pointer:
		return value.IsNil() || leftOut(value.Elem())
	}
	return value.IsZero()
}

func nameOf(typ reflect.Type) string {
	switch typ {
	case named["Point"]:
		return "point"
	case named["Crate"]:
		return "crate"
	case named["Halt"]:
		return "halt"
	}
	return typ.String()
}
