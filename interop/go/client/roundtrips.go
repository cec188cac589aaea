package main

import (
	"math"
	"net/rpc"
	"strings"
	"time"

	"ferrywire.test/interop/zoo"
)

// roundTrips sends every type and compares the answer: once in order on the shared connection, where
// each type is new, and once more in reverse, where most types are known.
func roundTrips() []check {
	trips := []check{
		trip("scalars", "Zoo.Scalars", zoo.ScalarsValue(), zoo.ScalarsAnswer),
		trip("zeros", "Zoo.Zeros", zoo.Scalars{}, zoo.ZerosAnswer),
		trip("text", "Zoo.Text", zoo.TextValue(), zoo.TextAnswer),
		trip("text_empty", "Zoo.Text", "", zoo.TextAnswer),
		trip("text_1_mib", "Zoo.Text", strings.Repeat("é世\x00z", 1<<20/7), zoo.TextAnswer),
		trip("raw", "Zoo.Raw", zoo.RawValue(), zoo.RawAnswer),
		trip("bytes", "Zoo.Bytes", zoo.BytesValue(), zoo.BytesAnswer),
		trip("bytes_empty", "Zoo.Bytes", []byte{}, zoo.BytesAnswer),
		trip("bytes_1_mib", "Zoo.Bytes", zoo.Filled(1<<20), zoo.BytesAnswer),
		trip("floats", "Zoo.Floats", zoo.FloatsValue(), zoo.FloatsAnswer),
		trip("not", "Zoo.Not", true, zoo.NotAnswer),
		trip("not_false", "Zoo.Not", false, zoo.NotAnswer),
		trip("negate", "Zoo.Negate", -129, zoo.NegateAnswer),
		trip("negate_zero", "Zoo.Negate", 0, zoo.NegateAnswer),
		trip("negate_max", "Zoo.Negate", math.MaxInt64, zoo.NegateAnswer),
		trip("half", "Zoo.Half", uint64(math.MaxUint64), zoo.HalfAnswer),
		trip("narrow", "Zoo.Narrow", int8(-128), zoo.NarrowAnswer),
		trip("conjugate", "Zoo.Conjugate", complex(1, -2), zoo.ConjugateAnswer),
		trip("triple", "Zoo.Triple", [3]int{1, 0, -2}, zoo.TripleAnswer),
		trip("quad", "Zoo.Quad", [4]byte{1, 127, 128, 255}, zoo.QuadAnswer),
		trip("nested", "Zoo.Nested", zoo.NestedValue(), zoo.NestedAnswer),
		trip("list", "Zoo.List", zoo.ListValue(), zoo.ListAnswer),
		trip("tree", "Zoo.Tree", zoo.TreeValue(), zoo.TreeAnswer),
		trip("groups", "Zoo.Groups", zoo.GroupsValue(), zoo.GroupsAnswer),
		trip("maps", "Zoo.Maps", zoo.MapsValue(), zoo.MapsAnswer),
		trip("grid", "Zoo.Grid", zoo.GridValue(), zoo.GridAnswer),
		trip("pointers", "Zoo.Pointers", zoo.PointersValue(), zoo.PointersAnswer),
		trip("shapes", "Zoo.Shapes", zoo.ShapesValue(), zoo.ShapesAnswer),
		trip("any_struct", "Zoo.Any", any(zoo.Circle{Radius: 3}), zoo.AnyAnswer),
		trip("any_pointer", "Zoo.Any", any(&zoo.Square{Side: 4}), zoo.AnyAnswer),
		trip("any_named", "Zoo.Any", any(zoo.Label{Text: "t"}), zoo.AnyAnswer),
		trip("any_nested", "Zoo.Any", any(zoo.Crate{Content: zoo.Crate{Content: &zoo.Square{Side: 1}}}), zoo.AnyAnswer),
		trip("any_int", "Zoo.Any", any(7), zoo.AnyAnswer),
		trip("any_bytes", "Zoo.Any", any([]byte{1, 2}), zoo.AnyAnswer),
		trip("any_nil", "Zoo.Any", any(nil), zoo.AnyAnswer),
		trip("times", "Zoo.Times", zoo.TimesValue(), zoo.TimesAnswer),
		trip("pause", "Zoo.Pause", 90*time.Minute, zoo.PauseAnswer),
		trip("big_ints", "Zoo.BigInts", zoo.BigIntsValue(), zoo.BigIntsAnswer),
		trip("embedded", "Zoo.Embedded", zoo.EmbeddedValue(), zoo.EmbeddedAnswer),
		trip("nothing", "Zoo.Nothing", zoo.Empty{}, zoo.NothingAnswer),
		trip("account", "Zoo.Account", zoo.AccountV2Value(), zoo.AccountAnswer),
		trip("marshalers", "Zoo.Marshalers", zoo.MarshalersValue(), zoo.MarshalersAnswer),
		trip("links", "Zoo.Links", zoo.LinksValue(), zoo.LinksAnswer),
		{"numbers_left_alone", on(func(client *rpc.Client) error {
			return expect(client, "Zoo.Numbers", 1, []int{})
		}), 0},
		{"multiply", on(works), 0},
		{"divide", on(func(client *rpc.Client) error {
			return expect(client, "Arith.Divide", &zoo.Args{A: 17, B: 5}, zoo.Quotient{Quo: 3, Rem: 2})
		}), 0},
	}
	for _, size := range []struct {
		name string
		of   int
	}{{"0", 0}, {"271828", 271828}, {"314159", 314159}, {"1_mib", 1 << 20}} {
		size := size
		trips = append(trips, check{"fill_" + size.name, on(func(client *rpc.Client) error {
			return expect(client, "Zoo.Fill", size.of, zoo.Filled(size.of))
		}), 0})
	}

	var checks []check
	for _, trip := range trips {
		trip.name = "zoo/" + trip.name
		checks = append(checks, trip)
	}
	for i := range trips {
		trip := trips[len(trips)-1-i]
		trip.name = "again/" + trip.name
		checks = append(checks, trip)
	}
	return checks
}

// trip sends a value by its address, without which an `any` would travel as what is in it.
func trip[T any](name, method string, value T, follows func(T) T) check {
	return check{name, on(func(client *rpc.Client) error {
		return expect(client, method, &value, follows(value))
	}), 0}
}
