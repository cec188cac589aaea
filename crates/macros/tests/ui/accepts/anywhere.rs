//! A service may stand in a module or a function, and be as public as its trait is.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(clippy::unused_self, clippy::missing_errors_doc)]

use ferrywire::Result;

mod inner {
    use ferrywire::Result;
    use ferrywire_macros::service;

    #[service]
    pub(crate) trait Near {
        async fn a(&self, x: i64, y: i64) -> Result<i64>;
    }

    pub(crate) mod deeper {
        #[ferrywire_macros::service]
        pub(in crate::inner) trait Nearer {
            async fn a(&self, x: i64, y: &str) -> ferrywire::Result<i64>;
        }

        #[ferrywire_macros::service]
        pub(super) trait Nearest {
            fn a(&self, x: i64, y: &str) -> ferrywire::Result<i64>;
        }
    }

    pub(crate) fn names() -> [&'static str; 2] {
        [deeper::NearerClient::description().name, deeper::NearestClient::description().name]
    }
}

#[ferrywire_macros::service]
trait Private {
    async fn a(&self, hidden: Hidden) -> Result<Hidden>;
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Hidden(u8);

fn main() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Local(u8);

    #[ferrywire_macros::service]
    trait Within {
        async fn a(&self, x: Local, y: Local) -> Result<Local>;
    }

    struct Handler;

    impl Within for Handler {
        async fn a(&self, x: Local, _y: Local) -> Result<Local> {
            Ok(x)
        }
    }

    #[ferrywire_macros::service]
    impl Handler {
        pub fn b(&self) {}
    }

    assert_eq!(WithinServer::<Handler>::description().methods[0].full_name, "Within.A");
    assert_eq!(WithinServer::new(Handler).clone().to_debug(), "WithinServer(..)");
    assert_eq!(Handler::description().methods[0].full_name, "Handler.B");
    assert_eq!(inner::names(), ["Nearer", "Nearest"]);
    assert_eq!(inner::NearClient::description().name, "Near");
    assert_eq!(PrivateClient::description().name, "Private");
}

trait ToDebug: std::fmt::Debug {
    fn to_debug(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: std::fmt::Debug> ToDebug for T {}
