//! The services Arith and Zoo: one method for each kind of type.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ferrywire::server::Builder;
use ferrywire::{Code, Error, Result, Server, service};
use ferrywire_gob::Complex;

use super::types::*;
use super::{answer, same, value};

/// A builder of a server that offers both services, as Go's `server` does.
pub fn server() -> Builder {
    Server::builder().register(ArithServer::new(Calculator)).register(ZooServer::new(Keeper::default()))
}

/// The service of every example.
#[service]
pub trait Arith {
    /// A × B.
    fn multiply(&self, args: Args) -> i64;
    /// The quotient and the remainder; the error is `divide by zero`.
    async fn divide(&self, args: Args) -> Result<Quotient>;
}

/// Answers Arith.
#[derive(Debug)]
pub struct Calculator;

impl Arith for Calculator {
    fn multiply(&self, args: Args) -> i64 {
        args.a.wrapping_mul(args.b)
    }

    async fn divide(&self, args: Args) -> Result<Quotient> {
        if args.b == 0 {
            return Err("divide by zero".into());
        }
        Ok(Quotient { quo: args.a.wrapping_div(args.b), rem: args.a.wrapping_rem(args.b) })
    }
}

/// One method for each kind of type. Where a known value is expected, any other is an error.
#[service]
pub trait Zoo {
    /// Expects the known value.
    async fn scalars(&self, scalars: Scalars) -> Result<Scalars>;
    /// Expects zeros.
    async fn zeros(&self, scalars: Scalars) -> Result<Scalars>;
    /// Takes any text.
    async fn text(&self, text: &str) -> String;
    /// Expects the known value.
    async fn raw(&self, raw: Raw) -> Result<Raw>;
    /// Takes any bytes.
    async fn bytes(&self, bytes: &[u8]) -> Vec<u8>;
    /// Expects the known value.
    async fn floats(&self, floats: Vec<f64>) -> Result<Vec<f64>>;
    /// Takes any bool.
    fn not(&self, flag: bool) -> bool;
    /// Takes any number.
    fn negate(&self, number: i64) -> i64;
    /// Takes any number.
    fn half(&self, number: u64) -> u64;
    /// Takes a number of eight bits.
    fn narrow(&self, number: i8) -> i8;
    /// Takes any complex number.
    fn conjugate(&self, number: Complex) -> Complex;
    /// Takes any three numbers.
    fn triple(&self, numbers: [i64; 3]) -> [i64; 3];
    /// Takes any four bytes.
    fn quad(&self, bytes: [u8; 4]) -> [u8; 4];
    /// Expects the known value.
    async fn nested(&self, outer: Outer) -> Result<Outer>;
    /// Expects the known value.
    async fn list(&self, list: List) -> Result<List>;
    /// Expects the known value.
    async fn tree(&self, tree: Tree) -> Result<Tree>;
    /// Expects the known value.
    async fn groups(&self, groups: BTreeMap<String, Vec<i64>>) -> Result<BTreeMap<String, Vec<i64>>>;
    /// Expects the known value.
    async fn maps(&self, maps: Maps) -> Result<Maps>;
    /// Expects the known value.
    async fn grid(&self, grid: Vec<Vec<i64>>) -> Result<Vec<Vec<i64>>>;
    /// Expects the known value.
    async fn pointers(&self, pointers: Pointers) -> Result<Pointers>;
    /// Expects the known value.
    async fn shapes(&self, shapes: Shapes) -> Result<Shapes>;
    /// Takes any registered value.
    async fn any(&self, shape: Option<Any>) -> Option<Any>;
    /// Expects the known value.
    async fn times(&self, times: Times) -> Result<Times>;
    /// Takes any length of time.
    fn pause(&self, pause: Duration) -> Duration;
    /// Expects the known value.
    async fn big_ints(&self, numbers: BigInts) -> Result<BigInts>;
    /// Expects the known value.
    async fn embedded(&self, dog: Dog) -> Result<Dog>;
    /// Takes and answers a struct without fields.
    fn nothing(&self, nothing: Empty) -> Empty;
    /// Takes any account, of any version.
    async fn account(&self, account: AccountV2) -> AccountV2;
    /// Expects the known value.
    async fn marshalers(&self, marshalers: Marshalers) -> Result<Marshalers>;
    /// Expects the known value.
    async fn links(&self, links: Links) -> Result<Links>;
    /// Answers so many bytes.
    async fn fill(&self, len: i64) -> Result<Vec<u8>>;
    /// Answers an empty list.
    fn numbers(&self, number: i64) -> Vec<i64>;
    /// Fails with the text that it is given; without text it succeeds, as in Go.
    async fn fail(&self, text: &str) -> Result<i64>;
    /// Fails with a text that is not UTF-8.
    async fn fail_raw(&self, number: i64) -> Result<i64>;
    /// Answers after so many milliseconds.
    async fn slow(&self, ms: i64) -> i64;
    /// How many calls of Slow have begun and not ended.
    fn running(&self, number: i64) -> i64;
    /// Answers what it is given.
    fn nonce(&self, nonce: Nonce) -> Nonce;
}

/// Answers Zoo.
#[derive(Debug, Default)]
pub struct Keeper {
    running: AtomicI64,
}

/// Counts a call of Slow for as long as it lives; a withdrawn one is dropped.
struct Counted<'k>(&'k AtomicI64);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses an argument that is not the known one, and otherwise answers what follows from it.
fn known<T: Debug>(method: &str, got: T, expected: T, follows: fn(T) -> T) -> Result<T> {
    same(&got, &expected)
        .map_err(|difference| Error::new(Code::InvalidArgument, format!("{method}: {difference}")))?;
    Ok(follows(got))
}

impl Zoo for Keeper {
    async fn scalars(&self, scalars: Scalars) -> Result<Scalars> {
        known("Scalars", scalars, value::scalars(), answer::scalars)
    }

    async fn zeros(&self, scalars: Scalars) -> Result<Scalars> {
        known("Zeros", scalars, Scalars::default(), answer::zeros)
    }

    async fn text(&self, text: &str) -> String {
        answer::text(text.to_owned())
    }

    async fn raw(&self, raw: Raw) -> Result<Raw> {
        known("Raw", raw, value::raw(), answer::raw)
    }

    async fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        answer::bytes(bytes.to_vec())
    }

    async fn floats(&self, floats: Vec<f64>) -> Result<Vec<f64>> {
        known("Floats", floats, value::floats(), answer::floats)
    }

    fn not(&self, flag: bool) -> bool {
        answer::not(flag)
    }

    fn negate(&self, number: i64) -> i64 {
        answer::negate(number)
    }

    fn half(&self, number: u64) -> u64 {
        answer::half(number)
    }

    fn narrow(&self, number: i8) -> i8 {
        answer::narrow(number)
    }

    fn conjugate(&self, number: Complex) -> Complex {
        answer::conjugate(number)
    }

    fn triple(&self, numbers: [i64; 3]) -> [i64; 3] {
        answer::triple(numbers)
    }

    fn quad(&self, bytes: [u8; 4]) -> [u8; 4] {
        answer::quad(bytes)
    }

    async fn nested(&self, outer: Outer) -> Result<Outer> {
        known("Nested", outer, value::nested(), answer::nested)
    }

    async fn list(&self, list: List) -> Result<List> {
        known("List", list, value::list(), answer::list)
    }

    async fn tree(&self, tree: Tree) -> Result<Tree> {
        known("Tree", tree, value::tree(), answer::tree)
    }

    async fn groups(&self, groups: BTreeMap<String, Vec<i64>>) -> Result<BTreeMap<String, Vec<i64>>> {
        known("Groups", groups, value::groups(), answer::groups)
    }

    async fn maps(&self, maps: Maps) -> Result<Maps> {
        known("Maps", maps, value::maps(), answer::maps)
    }

    async fn grid(&self, grid: Vec<Vec<i64>>) -> Result<Vec<Vec<i64>>> {
        known("Grid", grid, value::grid(), answer::grid)
    }

    async fn pointers(&self, pointers: Pointers) -> Result<Pointers> {
        known("Pointers", pointers, value::pointers(), answer::pointers)
    }

    async fn shapes(&self, shapes: Shapes) -> Result<Shapes> {
        known("Shapes", shapes, value::shapes(), answer::shapes)
    }

    async fn any(&self, shape: Option<Any>) -> Option<Any> {
        answer::any(shape)
    }

    async fn times(&self, times: Times) -> Result<Times> {
        known("Times", times, value::times(), answer::times)
    }

    fn pause(&self, pause: Duration) -> Duration {
        answer::pause(pause)
    }

    async fn big_ints(&self, numbers: BigInts) -> Result<BigInts> {
        known("BigInts", numbers, value::big_ints(), answer::big_ints)
    }

    async fn embedded(&self, dog: Dog) -> Result<Dog> {
        known("Embedded", dog, value::embedded(), answer::embedded)
    }

    fn nothing(&self, nothing: Empty) -> Empty {
        answer::nothing(nothing)
    }

    async fn account(&self, account: AccountV2) -> AccountV2 {
        answer::account(account)
    }

    async fn marshalers(&self, marshalers: Marshalers) -> Result<Marshalers> {
        known("Marshalers", marshalers, value::marshalers(), answer::marshalers)
    }

    async fn links(&self, links: Links) -> Result<Links> {
        known("Links", links, value::links(), answer::links)
    }

    async fn fill(&self, len: i64) -> Result<Vec<u8>> {
        const LEN_MAX: usize = 3 << 20;
        match usize::try_from(len) {
            Ok(len) if len <= LEN_MAX => Ok(answer::filled(len)),
            _ => Err(format!("Fill: {len} bytes, expected 0 to {LEN_MAX}").into()),
        }
    }

    fn numbers(&self, _: i64) -> Vec<i64> {
        Vec::new()
    }

    async fn fail(&self, text: &str) -> Result<i64> {
        match text {
            "" => Ok(value::FAILED_REPLY),
            text => Err(text.to_owned().into()),
        }
    }

    async fn fail_raw(&self, _: i64) -> Result<i64> {
        Err(Error::from_bytes(Code::Unknown, value::RAW_FAILURE))
    }

    async fn slow(&self, ms: i64) -> i64 {
        self.running.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(&self.running);
        tokio::time::sleep(Duration::from_millis(ms.try_into().unwrap_or(0))).await;
        ms
    }

    fn running(&self, _: i64) -> i64 {
        self.running.load(Ordering::Relaxed)
    }

    fn nonce(&self, nonce: Nonce) -> Nonce {
        nonce
    }
}
