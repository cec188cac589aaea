//! Other types than the server has are sent and taken.

use std::collections::BTreeMap;

use ferrywire_gob::{BinaryMarshaled, GobEncoded};
use ferrywire_interop::zoo::*;
use serde::{Deserialize, Serialize};

use crate::suite::{Case, alone, expect, holds, on, refused, works};

/// Args in another order, and narrower.
#[derive(Serialize, Deserialize)]
struct Narrower {
    b: i16,
    a: i16,
}

/// Args as pointers.
#[derive(Serialize, Deserialize)]
struct Pointed {
    a: Option<i64>,
    b: Option<i32>,
}

/// Args with a field of another kind.
#[derive(Serialize, Deserialize)]
struct Worded {
    a: i64,
    b: String,
}

/// Args of floats.
#[derive(Serialize, Deserialize)]
struct Floating {
    a: f64,
    b: f64,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = compatible();
    cases.extend(mistyped());
    cases.extend(misread());
    cases
}

fn compatible() -> Vec<Case> {
    vec![
        on("evolution/an_older_client_sends_fewer_fields", async |client| {
            let older = value::account_v1();
            let known = AccountV2 { id: older.id.into(), name: older.name.clone(), ..AccountV2::default() };
            expect(&client, "Zoo.Account", &older, answer::account(known)).await
        }),
        on("evolution/a_newer_client_sends_more_fields", async |client| {
            let newer = value::account_v3();
            let known = AccountV2 {
                id: newer.id,
                name: newer.name.clone(),
                tags: newer.tags.clone(),
                home: value::point(newer.home.x, newer.home.y),
                limits: newer.limits.clone(),
            };
            expect(&client, "Zoo.Account", &newer, answer::account(known)).await
        }),
        on("evolution/an_older_client_takes_the_fields_it_knows", async |client| {
            let older = value::account_v1();
            let answered = AccountV1 { name: older.name.clone() + "!", id: older.id + 1 };
            expect(&client, "Zoo.Account", &older, answered).await
        }),
        on("evolution/a_newer_client_has_defaults_for_what_was_not_sent", async |client| {
            let known = value::account_v2();
            let answered = answer::account(known.clone());
            let expected = AccountV3 {
                id: answered.id,
                name: answered.name,
                tags: answered.tags,
                home: Place { z: 0, x: answered.home.x, y: answered.home.y },
                limits: answered.limits,
                ..AccountV3::default()
            };
            expect(&client, "Zoo.Account", &known, expected).await
        }),
        on("evolution/another_struct_will_do", async |client| {
            expect(&client, "Arith.Multiply", &Narrower { b: 7, a: 6 }, 42).await
        }),
        on("evolution/pointers_are_what_they_point_to", async |client| {
            expect(&client, "Arith.Multiply", &Pointed { a: Some(6), b: Some(7) }, 42).await
        }),
        on("evolution/no_fields_at_all_is_all_zero", async |client| {
            expect(&client, "Arith.Multiply", &(), 0).await
        }),
        on("evolution/a_wider_number_that_fits", async |client| {
            expect(&client, "Zoo.Narrow", &100_i64, !100_i8).await
        }),
        on("evolution/a_narrower_number", async |client| expect(&client, "Zoo.Half", &200_u8, 100_u64).await),
        on("evolution/a_reply_into_a_narrower_number", async |client| {
            expect(&client, "Arith.Multiply", &Args { a: 6, b: 7 }, 42_i8).await
        }),
        on("evolution/bytes_as_a_list_of_bytes", async |client| {
            expect(&client, "Zoo.Bytes", &serde_bytes::ByteBuf::from([1, 2]), vec![2_u8, 1]).await
        }),
    ]
}

/// Arguments that the method cannot take: an error of this call alone, whatever the server says.
fn mistyped() -> Vec<Case> {
    macro_rules! mistyped {
        ($($name:ident: $method:literal $argument:expr;)*) => {
            vec![$(on(concat!("mistyped/", stringify!($name)), async |client| {
                refused::<_, ()>(&client, $method, &$argument).await.map(drop)
            })),*]
        };
    }
    mistyped! {
        a_number_out_of_range: "Zoo.Narrow" 300_i64;
        a_stranger: "Zoo.Account" Stranger { hat: "top".into() };
        text_for_a_struct: "Arith.Multiply" "text".to_owned();
        a_struct_for_text: "Zoo.Text" value::point(1, 2);
        unsigned_for_signed: "Zoo.Negate" 5_u64;
        bytes_for_text: "Zoo.Text" b"text".to_vec();
        a_longer_array: "Zoo.Triple" [1_i64, 2, 3, 4];
        a_field_of_another_kind: "Arith.Multiply" Worded { a: 1, b: "2".into() };
        a_marshaler_for_a_struct: "Zoo.Nested" Marshalers { pointer: Some(value::gobbed("")), ..Marshalers::default() };
        another_kind_of_marshaler: "Zoo.Links" Marshaled { home: GobEncoded(b"http://x".into()), away: None };
        a_float_for_a_number: "Arith.Multiply" Floating { a: 0.5, b: 0.0 };
        a_map_for_a_slice: "Zoo.Grid" BTreeMap::from([(1_i64, vec![1_i64])]);
    }
}

/// A link as a GobEncoder, which a URL is not.
#[derive(Serialize, Deserialize)]
struct Marshaled {
    home: GobEncoded,
    away: Option<BinaryMarshaled>,
}

/// Replies that we cannot take: unlike Go's client, ours keeps the connection.
fn misread() -> Vec<Case> {
    vec![
        alone("misread/a_reply_of_another_type_fails_alone", async |client| {
            let waiting = client.start::<_, i64>("Zoo.Slow", &200_i64);
            let reply = client.call::<_, String>("Arith.Multiply", &Args { a: 6, b: 7 }).await;
            holds(reply.is_err(), || format!("got {reply:?}, expected an error"))?;
            works(&client).await?;
            same(&waiting.await.map_err(|error| error.to_string())?, &200)
        }),
        alone("misread/a_reply_that_does_not_fit_fails_alone", async |client| {
            let reply = client.call::<_, i8>("Arith.Multiply", &Args { a: 60, b: 70 }).await;
            holds(reply.is_err(), || format!("got {reply:?}, expected an error"))?;
            works(&client).await
        }),
        alone("misread/definitions_of_a_misread_reply_count", async |client| {
            let nested = value::nested();
            let reply = client.call::<_, Quotient>("Zoo.Nested", &nested).await;
            holds(reply.is_err(), || format!("got {reply:?}, expected an error"))?;
            expect(&client, "Zoo.Nested", &nested, answer::nested(value::nested())).await
        }),
        alone("misread/a_value_that_is_too_deep_fails_alone", async |client| {
            let mut crated = value::circle(1.0);
            for _ in 0..70 {
                crated = value::crated(crated);
            }
            let reply = client.call::<_, Option<Any>>("Zoo.Any", &crated).await;
            holds(reply.is_err(), || format!("got {reply:?}, expected an error"))?;
            let square = value::crated(value::square(2));
            expect(&client, "Zoo.Any", &square, answer::any(square.clone())).await
        }),
        alone("misread/text_that_is_not_utf_8_fails_alone", async |client| {
            let reply = client.call::<_, TextOfRaw>("Zoo.Raw", &value::raw()).await;
            holds(reply.is_err(), || format!("got {reply:?}, expected an error"))?;
            expect(&client, "Zoo.Raw", &value::raw(), answer::raw(value::raw())).await
        }),
    ]
}

/// Raw whose text must be UTF-8.
#[derive(Debug, Serialize, Deserialize)]
struct TextOfRaw {
    text: String,
}
