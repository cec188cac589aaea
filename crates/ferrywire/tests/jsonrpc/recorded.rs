//! What Go's own programs were recorded saying in 1.0, held again with one side replaced by ours.

use std::time::Duration;

use ferrywire::protocol::JsonRpc1;
use ferrywire::{Client, Code, Error, Result, Server, service};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lines::{Lines, value};

const RECORDINGS: [&str; 2] =
    [include_str!("../wire/jsonrpc-go1.19.txt"), include_str!("../wire/jsonrpc-go1.27.txt")];

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Args {
    a: i64,
    b: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quotient {
    quo: i64,
    rem: i64,
}

#[service]
trait Arith {
    async fn multiply(&self, args: Args) -> i64;
    async fn divide(&self, args: Args) -> Result<Quotient>;
    async fn empty_err(&self, args: Args) -> i64;
    async fn echo(&self, text: String) -> String;
    async fn def_slice(&self, number: i64) -> Vec<i64>;
    async fn nil_slice(&self, number: i64) -> Option<Vec<i64>>;
    async fn any(&self, number: i64) -> Option<i64>;
    async fn ptr_ptr(&self, number: i64) -> Option<Quotient>;
}

struct Textbook;

impl Arith for Textbook {
    async fn multiply(&self, args: Args) -> i64 {
        args.a * args.b
    }

    async fn divide(&self, args: Args) -> Result<Quotient> {
        match args.b {
            0 => Err(Error::new(Code::InvalidArgument, "divide by zero")),
            b => Ok(Quotient { quo: args.a / b, rem: args.a % b }),
        }
    }

    async fn empty_err(&self, _args: Args) -> i64 {
        99
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn def_slice(&self, _number: i64) -> Vec<i64> {
        Vec::new()
    }

    async fn nil_slice(&self, _number: i64) -> Option<Vec<i64>> {
        None
    }

    async fn any(&self, _number: i64) -> Option<i64> {
        None
    }

    async fn ptr_ptr(&self, _number: i64) -> Option<Quotient> {
        None
    }
}

/// A connection to our server of `Arith`.
fn served() -> Lines {
    let (ours, theirs) = Lines::pair();
    let server = Server::builder().register(ArithServer::new(Textbook)).build().unwrap();
    tokio::spawn(server.serve(theirs));
    ours
}

/// The lines of a recording that begin with this, without it.
fn lines_of<'r>(recording: &'r str, start: &'r str) -> impl Iterator<Item = &'r str> {
    recording.lines().filter_map(move |line| line.strip_prefix(start))
}

/// A text in quotes at the front, and what is behind it.
fn quoted(text: &str) -> (String, &str) {
    let mut texts = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let read = texts.next().unwrap().unwrap();
    let at = texts.byte_offset();
    (read, &text[at..])
}

/// What an answer says, with the words left out that are each JSON library's own.
fn gist(answer: &str) -> Value {
    let mut answer = value(answer);
    if let Some(Value::String(error)) = answer.get_mut("error")
        && (error.starts_with("json: ") || error.contains("json body"))
    {
        *error = "of the JSON library".to_owned();
    }
    answer
}

/// What our server answers in another way than Go's, and how.
fn otherwise(asked: &str) -> Option<Option<Value>> {
    let error = |number: i64, text: &str| json!({"jsonrpc": "2.0", "id": null, "error": {"code": number, "message": text}});
    Some(match asked {
        // What says that it is 2.0 is answered as that.
        two if two.starts_with("{\"jsonrpc\":\"2.0\"") => {
            Some(json!({"jsonrpc": "2.0", "id": 1, "result": 56}))
        }
        // A list of requests is 2.0, and of such requests.
        list if list.starts_with('[') => {
            Some(json!([error(-32600, "a request in a list says \"jsonrpc\":\"2.0\"")]))
        }
        // Go's clients give up their connection.
        null if null.contains("Arith.Any") => Some(
            json!({"id": 1.5, "result": null, "error": "the reply is null, for which Go's clients give up their connection"}),
        ),
        // Nothing that is served begins so.
        "null" => None,
        _ => return None,
    })
}

#[tokio::test(start_paused = true)]
async fn whatever_go_answers_we_answer() {
    for recording in RECORDINGS {
        let mut count = 0;
        for line in lines_of(recording, "raw [") {
            let (asked, rest) = quoted(line);
            let (answers, rest) = quoted(rest.strip_prefix("] -> ").unwrap());
            let mut lines = served();
            lines.try_say(&asked).await;
            lines.half_close().await;

            let mut ours: Vec<Value> = lines.rest().await.iter().map(|line| gist(line)).collect();

            let mut gos: Vec<Value> = answers.lines().map(gist).collect();
            if let Some(expected) = otherwise(&asked) {
                gos = expected.into_iter().collect();
            }
            ours.sort_by_key(Value::to_string);
            gos.sort_by_key(Value::to_string);
            assert_eq!(ours, gos, "{asked}{rest}");
            count += 1;
        }
        assert!(count >= 24, "{count} questions");
    }
}

/// The bytes of a conversation's line: `46: HEX | TEXT`.
fn bytes(line: &str) -> Vec<u8> {
    let hex = line.split_once(": ").unwrap().1.split(' ').next().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn gos_client_gets_what_gos_server_answered() {
    for recording in RECORDINGS {
        let asked = lines_of(recording, "  json C->S ").map(bytes);
        let answered = lines_of(recording, "  json S->C ").map(bytes);
        let mut lines = served();
        let mut count = 0;
        for (asked, answered) in asked.zip(answered) {
            let ours = value(&lines.ask(&asked).await);

            let gos = value(std::str::from_utf8(&answered).unwrap());
            let is_null = gos["result"].is_null() && gos["error"].is_null();
            match is_null {
                true => assert!(ours["error"].as_str().unwrap().starts_with("the reply is null")),
                false => assert_eq!(ours, gos),
            }
            count += 1;
        }
        assert_eq!(count, 8);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_gos_byte_for_byte() {
    let mut lines = served();

    for (asked, answered) in [
        (
            r#"{"method":"Arith.Multiply","params":[{"A":7,"B":8}],"id":0}"#,
            r#"{"id":0,"result":56,"error":null}"#,
        ),
        (
            r#"{"method":"Arith.Divide","params":[{"A":17,"B":5}],"id":1}"#,
            r#"{"id":1,"result":{"Quo":3,"Rem":2},"error":null}"#,
        ),
        (
            r#"{"method":"Arith.Divide","params":[{"A":17,"B":0}],"id":2}"#,
            r#"{"id":2,"result":null,"error":"divide by zero"}"#,
        ),
        (
            r#"{"method":"Arith.Nope","params":[{"A":17,"B":0}],"id":3}"#,
            r#"{"id":3,"result":null,"error":"rpc: can't find method Arith.Nope"}"#,
        ),
    ] {
        assert_eq!(lines.ask(asked).await, answered);
    }
}

/// What our client makes of a reply, beside what Go's made of it.
#[tokio::test(start_paused = true)]
async fn our_client_bears_what_gos_client_bears_and_more() {
    for recording in RECORDINGS {
        let replies = recording.lines().filter(|line| line.starts_with("{\"") && line.contains(" => "));
        let mut count = 0;
        for line in replies {
            let (reply, made) = line.split_once(" => ").unwrap();
            let (mut server, stream) = Lines::pair();
            let client = Client::builder().protocol(JsonRpc1).over(stream);
            let call = client.start::<_, i64>("Arith.Multiply", &Args { a: 7, b: 8 });
            let request = value(&server.hear().await.unwrap());
            assert_eq!(request["params"], json!([{"a": 7, "b": 8}]));
            // The recorded call was the first of Go's, whose ids begin with 0.
            let id = request["id"].as_u64().unwrap();
            server
                .say(
                    reply
                        .replace("\"id\":0", &format!("\"id\":{id}"))
                        .replace("\"id\":\"0\"", &format!("\"id\":\"{id}\"")),
                )
                .await;

            let outcome = tokio::time::timeout(Duration::from_secs(1), call).await;

            let gos = made.split(" (").next().unwrap();
            match (reply, outcome) {
                // Nobody's reply.
                (reply, outcome) if reply.contains("\"id\":9") || reply.contains("\"id\":null") => {
                    assert!(outcome.is_err(), "{reply}: {outcome:?}");
                }
                // A text that is our number is our number.
                (reply, Ok(Ok(number))) if reply.contains("\"id\":\"0\"") => assert_eq!(number, 5),
                (_, Ok(Ok(number))) => {
                    let r = made.split(" r=").nth(1).unwrap().split(' ').next().unwrap();
                    assert_eq!((gos, number.to_string().as_str()), ("<nil>", r), "{reply}");
                }
                // What Go's client dies of is one call's error.
                (_, Ok(Err(error))) => assert!(
                    error.message() == gos
                        || gos.starts_with("invalid error")
                        || gos.starts_with("reading body")
                        || gos == "unspecified error",
                    "{reply}: {error}, {gos}"
                ),
                (reply, Err(late)) => panic!("{reply}: {late}"),
            }
            let next = client.start::<_, i64>("Arith.Multiply", &Args { a: 6, b: 7 });
            let request = value(&server.hear().await.unwrap());
            server.say(format!("{{\"id\":{},\"result\":42,\"error\":null}}", request["id"])).await;
            assert_eq!(next.await.unwrap(), 42, "{reply}");
            count += 1;
        }
        assert_eq!(count, 14);
    }
}
