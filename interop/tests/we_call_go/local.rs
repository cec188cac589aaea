//! Calls that fail on our side: nothing of them goes out, or what comes back is too much.

use std::time::Duration;

use ferrywire::protocol::NetRpc;
use ferrywire::{Client, Code, Limits};
use ferrywire_interop::zoo::*;

use crate::suite::{Case, alone, case, expect, holds, works};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        alone("local/an_argument_without_a_form_fails_alone", async |client| {
            let waiting = client.start::<_, i64>("Zoo.Slow", &200_i64);
            let missing = client.call::<_, Vec<f64>>("Zoo.Floats", &vec![Some(1.5), None]).await;
            let error = missing.err().ok_or("got a reply to what gob cannot say, expected an error")?;
            holds(!error.may_have_run() && !error.is_remote(), || format!("got {error:?}"))?;
            expect(&client, "Zoo.Tree", &value::tree(), answer::tree(value::tree())).await?;
            same(&waiting.await.map_err(|error| error.to_string())?, &200)
        }),
        alone("local/an_argument_that_is_too_long_fails_alone", async |client| {
            let waiting = client.start::<_, i64>("Zoo.Slow", &200_i64);
            let long = client.call::<_, Vec<u8>>("Zoo.Bytes", &vec![7_u8; 5 << 20]).await;
            let error = long.err().ok_or("got a reply to 5 MiB, expected an error")?;
            let is_told = error.code() == Code::ResourceExhausted && !error.may_have_run();
            holds(is_told, || format!("got {error:?}"))?;
            works(&client).await?;
            same(&waiting.await.map_err(|error| error.to_string())?, &200)
        }),
        case("local/a_reply_that_is_too_long_is_an_error", async |ground| {
            let mut limits = Limits::default();
            limits.frame_len_max = 1 << 20;
            let client = Client::builder().protocol(NetRpc).limits(limits).connect(&ground.address).await;
            let client = client.map_err(|error| error.to_string())?;
            let long =
                client.call::<_, Vec<u8>>("Zoo.Fill", &(2_i64 << 20)).timeout(Duration::from_secs(5)).await;
            let error = long.err().ok_or("got a reply of 2 MiB, expected an error")?;
            let is_told = error.message().contains("over the limit of 1048576") && error.may_have_run();
            holds(is_told, || format!("got {error:?}"))?;
            // It has cost the connection; there is another.
            works(&client).await
        }),
    ]
}
