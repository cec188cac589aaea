package zoo

import (
	"fmt"
	"math"
	"math/big"
	"net/url"
	"reflect"
	"sort"
	"strings"
	"time"
)

// Differ returns an error that names both values unless they are the same to gob: a nil slice or map
// is an empty one, a nil *big.Int is 0, floats are compared by their bits, times with their offset.
func Differ(got, expected any) error {
	has, wants := Describe(got), Describe(expected)
	if has == wants {
		return nil
	}
	return fmt.Errorf("got %s, expected %s", shortened(has), shortened(wants))
}

// Describe writes a value in a form in which equal text means the same value.
func Describe(value any) string {
	var text strings.Builder
	describe(&text, reflect.ValueOf(&value).Elem())
	return text.String()
}

func describe(text *strings.Builder, value reflect.Value) {
	if value.CanInterface() {
		switch value := value.Interface().(type) {
		case time.Time:
			_, offset := value.Zone()
			fmt.Fprintf(text, "%s%+d", value.UTC().Format("2006-01-02T15:04:05.999999999"), offset)
			return
		case *big.Int:
			if value == nil {
				value = new(big.Int)
			}
			text.WriteString(value.String())
			return
		case url.URL:
			text.WriteString(value.String())
			return
		}
	}
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			text.WriteString("nil")
			return
		}
		text.WriteByte('&')
		describe(text, value.Elem())
	case reflect.Interface:
		if value.IsNil() {
			text.WriteString("nil")
			return
		}
		text.WriteString(value.Elem().Type().String())
		text.WriteByte('(')
		describe(text, value.Elem())
		text.WriteByte(')')
	case reflect.Struct:
		text.WriteByte('{')
		for i := 0; i < value.NumField(); i++ {
			if i > 0 {
				text.WriteByte(' ')
			}
			text.WriteString(value.Type().Field(i).Name + ":")
			describe(text, value.Field(i))
		}
		text.WriteByte('}')
	case reflect.Slice, reflect.Array:
		if value.Type().Elem().Kind() == reflect.Uint8 && value.Kind() == reflect.Slice {
			fmt.Fprintf(text, "%d bytes %x", value.Len(), value.Bytes())
			return
		}
		text.WriteByte('[')
		for i := 0; i < value.Len(); i++ {
			if i > 0 {
				text.WriteByte(' ')
			}
			describe(text, value.Index(i))
		}
		text.WriteByte(']')
	case reflect.Map:
		var entries []string
		for _, key := range value.MapKeys() {
			var entry strings.Builder
			describe(&entry, key)
			entry.WriteByte(':')
			describe(&entry, value.MapIndex(key))
			entries = append(entries, entry.String())
		}
		sort.Strings(entries)
		text.WriteString("map[" + strings.Join(entries, " ") + "]")
	case reflect.Float32, reflect.Float64:
		describeFloat(text, value.Float())
	case reflect.Complex64, reflect.Complex128:
		describeFloat(text, real(value.Complex()))
		text.WriteByte('+')
		describeFloat(text, imag(value.Complex()))
		text.WriteByte('i')
	case reflect.String:
		fmt.Fprintf(text, "%q", value.String())
	case reflect.Bool:
		fmt.Fprint(text, value.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		fmt.Fprint(text, value.Int())
	default:
		fmt.Fprint(text, value.Uint())
	}
}

func describeFloat(text *strings.Builder, number float64) {
	switch {
	case math.IsNaN(number):
		text.WriteString("NaN")
	case number == 0 && math.Signbit(number):
		text.WriteString("-0")
	default:
		fmt.Fprint(text, number)
	}
}

func shortened(text string) string {
	if len(text) <= 600 {
		return text
	}
	return text[:600] + "…"
}
