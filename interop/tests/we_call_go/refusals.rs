//! Errors: their texts byte for byte, and what the client makes of them.

use ferrywire::{Client, Code, Error};
use ferrywire_interop::harness::Outcome;
use ferrywire_interop::zoo::*;
use serde::de::IgnoredAny;

use crate::suite::{Case, alone, expect, holds, on, refused, works};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = errors();
    cases.extend(unknown());
    cases.extend(discarded());
    cases
}

/// The text as it came.
fn says(error: &Error, expected: &[u8]) -> Outcome {
    let found = error.message_bytes();
    holds(found == expected, || {
        format!("got {:?}, expected {:?}", found.escape_ascii(), expected.escape_ascii())
    })
}

fn errors() -> Vec<Case> {
    let (long, longer) = ("long ".repeat(2000), "long ".repeat((3 << 20) / 5));
    let texts = [
        ("one_word", "plain"),
        ("newlines", "first line\nsecond line\r\n\n"),
        ("percent_signs", "100% of %d, %s and %!v(MISSING)"),
        ("unicode", "fährt nicht: 船 \u{1F6A2} \u{2028}"),
        ("spaces", "  in front and behind \t"),
        ("one_space", " "),
        ("nul", "a\0b"),
        ("html_and_json", r#"{"error":"<b>&amp;</b>\n"}"#),
        ("gobs_own_words", "rpc: can't find service Zoo.Fail"),
        ("10000_bytes", &long),
        ("3_mib", &longer),
    ];
    let mut cases = vec![
        on("error/divide_by_zero", async |client| {
            let error = refused::<_, Quotient>(&client, "Arith.Divide", &Args { a: 1, b: 0 }).await?;
            says(&error, b"divide by zero")?;
            holds(error.code() == Code::Unknown && error.may_have_run(), || format!("got {error:?}"))
        }),
        on("error/an_empty_text_is_success", async |client| {
            expect(&client, "Zoo.Fail", &String::new(), value::FAILED_REPLY).await
        }),
        on("error/not_utf_8", async |client| {
            let error = refused::<_, i64>(&client, "Zoo.FailRaw", &1_i64).await?;
            says(&error, value::RAW_FAILURE)
        }),
        on("error/an_upstreams_words_are_the_methods_own", async |client| {
            let text = "rpc: can't find method Upstream.Other";
            let error = refused::<_, i64>(&client, "Zoo.Fail", &text.to_owned()).await?;
            says(&error, text.as_bytes())?;
            holds(error.may_have_run(), || format!("got {error:?}, expected one of a method that has run"))
        }),
        on("error/by_the_generated_client", async |client| {
            let error =
                ZooClient::new(client).fail("50% off").await.map_err(|error| error.message().to_owned());
            same(&error, &Err("50% off".to_owned()))
        }),
    ];
    cases.extend(texts.map(|(name, text)| {
        let text = text.to_owned();
        on(format!("error/{name}"), async move |client| {
            says(&refused::<_, i64>(&client, "Zoo.Fail", &text).await?, text.as_bytes())
        })
    }));
    cases
}

fn unknown() -> Vec<Case> {
    let names = [
        ("service", "Nope.Multiply", "rpc: can't find service Nope.Multiply"),
        ("method", "Arith.Nope", "rpc: can't find method Arith.Nope"),
        ("method_in_lower_case", "Arith.multiply", "rpc: can't find method Arith.multiply"),
        ("name_without_a_dot", "nodot", "rpc: service/method request ill-formed: nodot"),
        ("name_without_text", "", "rpc: service/method request ill-formed: "),
        ("name_of_only_a_dot", ".", "rpc: can't find service ."),
        ("service_without_text", ".Multiply", "rpc: can't find service .Multiply"),
        ("method_without_text", "Arith.", "rpc: can't find method Arith."),
        ("name_with_two_dots", "Arith.Multiply.More", "rpc: can't find service Arith.Multiply.More"),
        ("name_in_unicode", "Zoo.Höhe", "rpc: can't find method Zoo.Höhe"),
    ];
    let mut cases: Vec<Case> = names
        .into_iter()
        .map(|(name, method, text)| {
            on(format!("unknown/{name}"), async move |client| {
                let error = refused::<_, i64>(&client, method, &Args { a: 1, b: 0 }).await?;
                says(&error, text.as_bytes())?;
                let is_known = error.code() == Code::Unimplemented && !error.may_have_run();
                holds(is_known, || format!("got {error:?}, expected Unimplemented, which has not run"))
            })
        })
        .collect();
    cases.extend([
        on("unknown/a_body_of_1_mib", async |client| {
            let error = refused::<_, i64>(&client, "Nope.Bytes", &answer::filled(1 << 20)).await?;
            says(&error, b"rpc: can't find service Nope.Bytes")
        }),
        alone("unknown/definitions_of_a_refused_body_count", async |client| {
            let error = refused::<_, i64>(&client, "Nope.Nested", &value::nested()).await?;
            says(&error, b"rpc: can't find service Nope.Nested")?;
            expect(&client, "Zoo.Nested", &value::nested(), answer::nested(value::nested())).await
        }),
        alone("unknown/definitions_of_a_mistyped_body_count", async |client| {
            refused::<_, Quotient>(&client, "Arith.Divide", &value::tree()).await?;
            expect(&client, "Zoo.Tree", &value::tree(), answer::tree(value::tree())).await
        }),
    ]);
    cases
}

/// Calls without a place for the reply; then the connection must be usable.
fn discarded() -> Vec<Case> {
    async fn takes_anything(client: &Client, method: &str, argument: i64) -> Outcome {
        let ignored = client.call::<_, IgnoredAny>(method, &argument).await.map(drop);
        ignored.map_err(|error| format!("{method}: got {error:?}, expected a reply"))?;
        let unit = client.call::<_, ()>(method, &argument).await;
        unit.map_err(|error| format!("{method}: got {error:?}, expected a reply"))?;
        works(client).await
    }
    vec![
        on("discard/a_number", async |client| takes_anything(&client, "Zoo.Negate", 5).await),
        on("discard/a_megabyte", async |client| takes_anything(&client, "Zoo.Fill", 1 << 20).await),
        alone("discard/definitions_count", async |client| {
            let discarded = client.call::<_, IgnoredAny>("Zoo.Shapes", &value::shapes()).await;
            discarded.map_err(|error| format!("got {error:?}, expected a reply"))?;
            expect(&client, "Zoo.Shapes", &value::shapes(), answer::shapes(value::shapes())).await
        }),
        on("discard/an_error", async |client| {
            let error = refused::<_, IgnoredAny>(&client, "Arith.Divide", &Args { a: 1, b: 0 }).await?;
            says(&error, b"divide by zero")
        }),
        on("discard/nil", async |client| {
            let nil = client.call::<_, IgnoredAny>("Zoo.Any", &None::<Any>).await.map(drop);
            nil.map_err(|error| format!("got {error:?}, expected a reply"))?;
            works(&client).await
        }),
    ]
}
