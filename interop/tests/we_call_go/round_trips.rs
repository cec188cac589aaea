//! Every type there and back: once in order by name, where each type is new, and once more in reverse by
//! the generated client, where most types are known.

use std::fmt::Debug;
use std::time::Duration;

use ferrywire_gob::Complex;
use ferrywire_interop::zoo::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::suite::{Case, case, expect, on};

/// The two ways in which one value is sent.
struct Trip {
    by_name: Case,
    by_method: Case,
}

/// Sends `value` both ways and expects what follows from it.
fn trip<T>(
    name: &str,
    full_name: &'static str,
    value: T,
    follows: fn(T) -> T,
    method: impl AsyncFnOnce(ZooClient, T) -> ferrywire::Result<T> + 'static,
) -> Trip
where
    T: Clone + Debug + Serialize + DeserializeOwned + 'static,
{
    let sent = value.clone();
    Trip {
        by_name: on(format!("zoo/{name}"), async move |client| {
            expect(&client, full_name, &sent, follows(sent.clone())).await
        }),
        by_method: on(format!("again/{name}"), async move |client| {
            let reply = method(ZooClient::new(client), value.clone()).await;
            let reply = reply.map_err(|error| format!("{full_name}: got {error:?}, expected a reply"))?;
            same(&reply, &follows(value))
        }),
    }
}

macro_rules! trips {
    ($($name:ident: $full_name:literal $method:ident($value:expr);)*) => {
        vec![$(trip(stringify!($name), $full_name, $value, answer::$method, async |zoo, value| {
            zoo.$method(value).await
        })),*]
    };
}

macro_rules! lent_trips {
    ($($name:ident: $full_name:literal $method:ident($value:expr);)*) => {
        vec![$(trip(stringify!($name), $full_name, $value, answer::$method, async |zoo, value| {
            zoo.$method(&value).await
        })),*]
    };
}

pub(crate) fn cases() -> Vec<Case> {
    let label = Any::Label(Label { text: "t".into() });
    let mut trips = trips! {
        scalars: "Zoo.Scalars" scalars(value::scalars());
        zeros: "Zoo.Zeros" zeros(Scalars::default());
        raw: "Zoo.Raw" raw(value::raw());
        floats: "Zoo.Floats" floats(value::floats());
        not: "Zoo.Not" not(true);
        not_false: "Zoo.Not" not(false);
        negate: "Zoo.Negate" negate(-129);
        negate_zero: "Zoo.Negate" negate(0);
        negate_max: "Zoo.Negate" negate(i64::MAX);
        half: "Zoo.Half" half(u64::MAX);
        narrow: "Zoo.Narrow" narrow(i8::MIN);
        conjugate: "Zoo.Conjugate" conjugate(Complex { re: 1.0, im: -2.0 });
        triple: "Zoo.Triple" triple([1, 0, -2]);
        quad: "Zoo.Quad" quad([1, 127, 128, 255]);
        nested: "Zoo.Nested" nested(value::nested());
        list: "Zoo.List" list(value::list());
        tree: "Zoo.Tree" tree(value::tree());
        groups: "Zoo.Groups" groups(value::groups());
        maps: "Zoo.Maps" maps(value::maps());
        grid: "Zoo.Grid" grid(value::grid());
        pointers: "Zoo.Pointers" pointers(value::pointers());
        shapes: "Zoo.Shapes" shapes(value::shapes());
        any_struct: "Zoo.Any" any(value::circle(3.0));
        any_pointer: "Zoo.Any" any(value::square(4));
        any_named: "Zoo.Any" any(Some(label));
        any_nested: "Zoo.Any" any(value::crated(value::crated(value::square(1))));
        any_int: "Zoo.Any" any(Some(Any::Int(7)));
        any_bytes: "Zoo.Any" any(Some(Any::Bytes(vec![1, 2])));
        any_nil: "Zoo.Any" any(None);
        any_nil_inside: "Zoo.Any" any(value::crated(None));
        times: "Zoo.Times" times(value::times());
        pause: "Zoo.Pause" pause(Duration::from_secs(90 * 60));
        big_ints: "Zoo.BigInts" big_ints(value::big_ints());
        embedded: "Zoo.Embedded" embedded(value::embedded());
        nothing: "Zoo.Nothing" nothing(Empty {});
        account: "Zoo.Account" account(value::account_v2());
        marshalers: "Zoo.Marshalers" marshalers(value::marshalers());
        links: "Zoo.Links" links(value::links());
    };
    trips.extend(lent_trips! {
        text: "Zoo.Text" text(value::text());
        text_empty: "Zoo.Text" text(String::new());
        text_1_mib: "Zoo.Text" text("é世\0z".repeat((1 << 20) / 7));
        bytes: "Zoo.Bytes" bytes(value::bytes());
        bytes_empty: "Zoo.Bytes" bytes(Vec::new());
        bytes_1_mib: "Zoo.Bytes" bytes(answer::filled(1 << 20));
        bytes_271828: "Zoo.Bytes" bytes(answer::filled(271_828));
        bytes_314159: "Zoo.Bytes" bytes(answer::filled(314_159));
    });
    trips.extend([0, 271_828, 314_159, 1 << 20].map(fill));

    let (mut cases, again): (Vec<Case>, Vec<Case>) =
        trips.into_iter().map(|trip| (trip.by_name, trip.by_method)).unzip();
    cases.extend(one_way());
    cases.extend(again.into_iter().rev());
    cases
}

fn fill(len: i64) -> Trip {
    let filled = move || answer::filled(usize::try_from(len).expect("a length is above zero"));
    Trip {
        by_name: on(format!("zoo/fill_{len}"), async move |client| {
            expect(&client, "Zoo.Fill", &len, filled()).await
        }),
        by_method: on(format!("again/fill_{len}"), async move |client| {
            let zoo = ZooClient::new(client);
            let reply = zoo.fill(len).await.map_err(|error| error.to_string())?;
            same(&reply, &filled())
        }),
    }
}

/// What has no answer that follows from its argument.
fn one_way() -> Vec<Case> {
    vec![
        on("zoo/numbers_left_alone", async |client| {
            expect(&client, "Zoo.Numbers", &1_i64, Vec::<i64>::new()).await
        }),
        on("zoo/multiply", async |client| {
            let product = ArithClient::new(client).multiply(Args { a: 6, b: 7 }).await;
            same(&product.map_err(|error| error.to_string())?, &42)
        }),
        on("zoo/divide", async |client| {
            let quotient = ArithClient::new(client).divide(Args { a: 17, b: 5 }).await;
            same(&quotient.map_err(|error| error.to_string())?, &Quotient { quo: 3, rem: 2 })
        }),
        case("zoo/a_value_that_is_not_the_known_one_is_told", async |ground| {
            let stranger = ZooClient::new(ground.client).grid(vec![vec![5]]).await;
            let text = stranger.map_err(|error| error.message().to_owned());
            same(&text, &Err("Grid: got [][]int([[5]]), expected [][]int([[1 2 3] [] [-4]])".to_owned()))
        }),
    ]
}
