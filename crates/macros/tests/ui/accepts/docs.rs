//! Doc comments come into the description as they read.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]

/** Written
 * as a block
 *
 * of lines.
 */
#[ferrywire_macros::service]
pub trait Told {
    /// The first line.
    ///
    /// - an item
    ///   goes on
    async fn lines(&self) -> ferrywire::Result<()>;
    #[doc = concat!("Put ", "together.")]
    /// And more.
    async fn together(&self) -> ferrywire::Result<()>;
}

#[ferrywire_macros::service]
trait Untold {
    async fn nothing(&self) -> ferrywire::Result<()>;
}

fn main() {
    let description = ToldClient::description();
    assert_eq!(description.doc, "Written\nas a block\n\nof lines.");
    assert_eq!(description.methods[0].doc, "The first line.\n\n- an item\n  goes on");
    assert_eq!(description.methods[1].doc, "Put together.\nAnd more.");
    assert_eq!(UntoldClient::description().methods[0].doc, "");
}
