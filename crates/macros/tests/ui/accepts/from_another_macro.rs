//! A trait may come out of another macro, with its names and types put in there.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]

macro_rules! store {
    ($name:ident, $method:ident, $context:ty, $argument:ty, $reply:ty) => {
        /// Holds things.
        #[ferrywire_macros::service]
        pub trait $name {
            /// Puts one in.
            async fn $method(&self, context: $context, thing: $argument) -> $reply;
            /// Puts two in.
            async fn put_two(&self, thing: $argument, other: $argument) -> $reply;
        }
    };
}

store!(Names, put_name, &ferrywire::Context, &str, ferrywire::Result<u64>);
store!(Blocks, put_block, &ferrywire::Context, &[u8], ferrywire::Result<u64>);
store!(Numbers, put_number, &ferrywire::Context, u64, ferrywire::Result<u64>);

#[allow(dead_code)]
async fn call(client: ferrywire::Client) -> ferrywire::Result<u64> {
    NamesClient::new(client.clone()).put_name("a").await?;
    BlocksClient::new(client.clone()).put_block(&[1]).await?;
    NumbersClient::new(client).put_two(1, 2).await
}

fn main() {
    assert_eq!(BlocksClient::description().methods[0].full_name, "Blocks.PutBlock");
}
