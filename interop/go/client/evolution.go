package main

import (
	"fmt"
	"net/rpc"

	"ferrywire.test/interop/zoo"
)

// evolutionChecks send and receive other types than the server has.
func evolutionChecks() []check {
	one := 1
	return []check{
		{"evolution/an_older_client_sends_fewer_fields", on(func(client *rpc.Client) error {
			older := zoo.AccountV1Value()
			return expect(client, "Zoo.Account", &older, zoo.AccountAnswer(zoo.AccountV2{Id: int64(older.Id), Name: older.Name}))
		}), 0},
		{"evolution/a_newer_client_sends_more_fields", on(func(client *rpc.Client) error {
			newer := zoo.AccountV3Value()
			known := zoo.AccountV2{Id: newer.Id, Name: newer.Name, Tags: newer.Tags, Home: zoo.Point{X: newer.Home.X, Y: newer.Home.Y}, Limits: newer.Limits}
			return expect(client, "Zoo.Account", &newer, zoo.AccountAnswer(known))
		}), 0},
		{"evolution/an_older_client_takes_the_fields_it_knows", on(func(client *rpc.Client) error {
			older := zoo.AccountV1Value()
			return expect(client, "Zoo.Account", &older, zoo.AccountV1{Name: older.Name + "!", Id: older.Id + 1})
		}), 0},
		{"evolution/a_newer_client_keeps_what_was_not_sent", on(func(client *rpc.Client) error {
			known := zoo.AccountV2Value()
			reply := zoo.AccountV3{Nickname: "kept", Home: zoo.Place{Z: 5}}
			if err := client.Call("Zoo.Account", &known, &reply); err != nil {
				return err
			}
			answer := zoo.AccountAnswer(known)
			return zoo.Differ(reply, zoo.AccountV3{
				Nickname: "kept", Id: answer.Id, Name: answer.Name, Tags: answer.Tags,
				Home: zoo.Place{Z: 5, X: answer.Home.X, Y: answer.Home.Y}, Limits: answer.Limits,
			})
		}), 0},
		{"evolution/an_anonymous_struct_will_do", on(func(client *rpc.Client) error {
			return expect(client, "Arith.Multiply", struct{ B, A int16 }{7, 6}, 42)
		}), 0},
		{"evolution/pointers_are_what_they_point_to", on(func(client *rpc.Client) error {
			six, seven := 6, int32(7)
			return expect(client, "Arith.Multiply", struct {
				A *int
				B *int32
			}{&six, &seven}, 42)
		}), 0},
		{"evolution/no_fields_at_all_is_all_zero", on(func(client *rpc.Client) error {
			return expect(client, "Arith.Multiply", struct{}{}, 0)
		}), 0},
		{"evolution/a_wider_number_that_fits", on(func(client *rpc.Client) error {
			return expect(client, "Zoo.Narrow", 100, int8(^100))
		}), 0},
		{"evolution/a_narrower_number", on(func(client *rpc.Client) error {
			return expect(client, "Zoo.Half", uint8(200), uint64(100))
		}), 0},
		mistyped("a_number_out_of_range", "Zoo.Narrow", 300),
		mistyped("a_stranger", "Zoo.Account", &zoo.Stranger{Hat: "top"}),
		mistyped("text_for_a_struct", "Arith.Multiply", "text"),
		mistyped("a_struct_for_text", "Zoo.Text", &zoo.Point{X: 1, Y: 2}),
		mistyped("unsigned_for_signed", "Zoo.Negate", uint(5)),
		mistyped("bytes_for_text", "Zoo.Text", []byte("text")),
		mistyped("a_longer_array", "Zoo.Triple", [4]int{1, 2, 3, 4}),
		mistyped("a_field_of_another_kind", "Arith.Multiply", struct {
			A int
			B string
		}{1, "2"}),
		mistyped("a_marshaler_for_a_struct", "Zoo.Nested", &zoo.Marshalers{Pointer: new(zoo.Gobbed)}),
		mistyped("a_float_for_a_number", "Arith.Multiply", struct{ A, B *float64 }{new(float64), nil}),
		mistyped("a_map_for_a_slice", "Zoo.Grid", map[int][]int{one: {1}}),
	}
}

// mistyped sends an argument that the method cannot take. Whatever the server says, it must be an
// error of this call alone.
func mistyped(name, method string, arg any) check {
	return check{"mistyped/" + name, on(func(client *rpc.Client) error {
		var reply any
		if err := isRefusal(client.Call(method, arg, &reply)); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		return works(client)
	}), 0}
}
