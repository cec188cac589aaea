package main

import (
	"fmt"
	"net/rpc"
	"strings"

	"ferrywire.test/interop/zoo"
)

// refusalChecks compare the texts of errors byte for byte.
func refusalChecks() []check {
	args := &zoo.Args{A: 1, B: 0}
	checks := []check{
		{"error/divide_by_zero", on(func(client *rpc.Client) error {
			return refused(client, "Arith.Divide", args, "divide by zero")
		}), 0},
		{"error/an_empty_text_is_success", on(func(client *rpc.Client) error {
			return expect(client, "Zoo.Fail", "", zoo.FailedReply)
		}), 0},
		{"error/not_utf_8", on(func(client *rpc.Client) error {
			return refused(client, "Zoo.FailRaw", 1, zoo.RawFailure)
		}), 0},
		{"unknown/definitions_of_a_refused_body_count", alone(func(client *rpc.Client) error {
			nested := zoo.NestedValue()
			if err := refused(client, "Nope.Nested", &nested, "rpc: can't find service Nope.Nested"); err != nil {
				return err
			}
			return expect(client, "Zoo.Nested", &nested, zoo.NestedAnswer(nested))
		}), 0},
		{"unknown/definitions_of_a_mistyped_body_count", alone(func(client *rpc.Client) error {
			tree := zoo.TreeValue()
			var reply zoo.Quotient
			if err := isRefusal(client.Call("Arith.Divide", &tree, &reply)); err != nil {
				return err
			}
			return expect(client, "Zoo.Tree", &tree, zoo.TreeAnswer(tree))
		}), 0},
		{"unknown/a_body_of_1_mib", on(func(client *rpc.Client) error {
			return refused(client, "Nope.Bytes", zoo.Filled(1<<20), "rpc: can't find service Nope.Bytes")
		}), 0},
		{"discard/a_number", on(func(client *rpc.Client) error { return discarded(client, "Arith.Multiply", args) }), 0},
		{"discard/a_megabyte", on(func(client *rpc.Client) error { return discarded(client, "Zoo.Fill", 1<<20) }), 0},
		{"discard/definitions_count", alone(func(client *rpc.Client) error {
			nested := zoo.NestedValue()
			if err := discarded(client, "Zoo.Nested", &nested); err != nil {
				return err
			}
			return expect(client, "Zoo.Nested", &nested, zoo.NestedAnswer(nested))
		}), 0},
		{"discard/an_error", on(func(client *rpc.Client) error {
			err := client.Call("Arith.Divide", args, nil)
			if err == nil || err.Error() != "divide by zero" {
				return fmt.Errorf("got %v, expected `divide by zero`", err)
			}
			return works(client)
		}), 0},
	}
	for _, text := range []struct{ name, text string }{
		{"one_word", "plain"},
		{"newlines", "first line\nsecond line\r\n\n"},
		{"percent_signs", "100% of %d, %s and %!v(MISSING)"},
		{"unicode", "fährt nicht: 船 \U0001F6A2 \u2028"},
		{"spaces", "  in front and behind \t"},
		{"one_space", " "},
		{"nul", "a\x00b"},
		{"html_and_json", `{"error":"<b>&amp;</b>\n"}`},
		{"gobs_own_words", "rpc: can't find service Zoo.Fail"},
		{"10000_bytes", strings.Repeat("long ", 2000)},
	} {
		text := text
		checks = append(checks, check{"error/" + text.name, on(func(client *rpc.Client) error {
			return refused(client, "Zoo.Fail", text.text, text.text)
		}), 0})
	}
	for _, name := range []struct{ name, method, text string }{
		{"service", "Nope.Multiply", "rpc: can't find service Nope.Multiply"},
		{"method", "Arith.Nope", "rpc: can't find method Arith.Nope"},
		{"method_in_lower_case", "Arith.multiply", "rpc: can't find method Arith.multiply"},
		{"name_without_a_dot", "nodot", "rpc: service/method request ill-formed: nodot"},
		{"name_without_text", "", "rpc: service/method request ill-formed: "},
		{"name_of_only_a_dot", ".", "rpc: can't find service ."},
		{"service_without_text", ".Multiply", "rpc: can't find service .Multiply"},
		{"method_without_text", "Arith.", "rpc: can't find method Arith."},
		{"name_with_two_dots", "Arith.Multiply.More", "rpc: can't find service Arith.Multiply.More"},
		{"name_in_unicode", "Zoo.Höhe", "rpc: can't find method Zoo.Höhe"},
	} {
		name := name
		checks = append(checks, check{"unknown/" + name.name, on(func(client *rpc.Client) error {
			return refused(client, name.method, args, name.text)
		}), 0})
	}
	return checks
}

// discarded calls without a place for the reply; then the connection must be usable.
func discarded(client *rpc.Client, method string, arg any) error {
	if err := client.Call(method, arg, nil); err != nil {
		return fmt.Errorf("%s: got the error %q, expected a reply", method, err)
	}
	return works(client)
}
