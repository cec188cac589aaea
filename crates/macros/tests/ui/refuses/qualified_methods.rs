//! A method is a plain function, asynchronous or not.

use ferrywire_macros::service;

struct Calculator;

#[service]
impl Calculator {
    pub const fn one(&self) -> i64 {
        1
    }

    pub async unsafe fn two(&self) -> i64 {
        2
    }

    pub extern "C" fn three(&self) -> i64 {
        3
    }
}

#[service]
pub trait Arith {
    async unsafe fn two(&self) -> i64;
    extern "C" fn three(&self) -> i64;
}

fn main() {}
