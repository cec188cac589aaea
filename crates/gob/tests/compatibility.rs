//! Values go out and come back, also between types that differ.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use ferrywire_gob::{GobEncoded, Time, from_slice, to_vec};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct Point {
    x: i64,
    y: i64,
}

fn comes_back<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: T) {
    let bytes = to_vec(&value).unwrap();
    assert_eq!(from_slice::<T>(&bytes).unwrap_or_else(|error| panic!("{value:?}: {error}")), value);
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Shape {
    #[serde(rename = "main.Point")]
    Point(Point),
    #[serde(rename = "int")]
    Int(i64),
    Corner {
        at: Point,
        name: String,
    },
    Nothing,
    Many(Vec<Shape>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Bin {
    left: Option<Box<Bin>>,
    right: Option<Box<Bin>>,
    value: i64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Rose(Vec<Rose>);

#[test]
fn what_is_written_is_read() {
    comes_back(7_i64);
    comes_back(-129_i32);
    comes_back(u64::MAX);
    comes_back(1.5_f32);
    comes_back("text".to_owned());
    comes_back(vec![1_u8, 2, 255]);
    comes_back(vec![Point { x: 1, y: 0 }, Point::default()]);
    comes_back(Vec::<Point>::new());
    comes_back([3_u16, 0, 4]);
    comes_back((Point { x: 1, y: 2 }, Point { x: 3, y: 4 }));
    comes_back(BTreeMap::from([("a".to_owned(), Point { x: 1, y: 2 })]));
    comes_back(HashMap::from([(1_u8, vec!['a', 'b'])]));
    comes_back(Shape::Many(vec![Shape::Int(0), Shape::Nothing, Shape::Point(Point { x: 5, y: 6 })]));
    comes_back(Shape::Corner { at: Point { x: 1, y: 1 }, name: "n".into() });
    let leaf = |value| Some(Box::new(Bin { left: None, right: None, value }));
    comes_back(Bin { left: leaf(1), right: leaf(0), value: 2 });
    comes_back(Rose(vec![Rose(vec![]), Rose(vec![Rose(vec![])])]));
    comes_back(std::time::Duration::from_millis(1500));
    comes_back(1..5_u32);
}

fn read_as<A, B>(sent: &A) -> Result<B, String>
where
    A: Serialize + for<'de> Deserialize<'de>,
    B: for<'de> Deserialize<'de>,
{
    from_slice(&to_vec(sent).unwrap()).map_err(|error| error.to_string())
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Wrapped<T> {
    v: T,
}

#[test]
fn a_field_that_the_receiver_lacks_is_left_out() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct OnlyY {
        y: i64,
    }
    assert_eq!(read_as(&Point { x: 1, y: 2 }), Ok(OnlyY { y: 2 }));
}

#[test]
fn a_field_that_the_sender_lacks_is_the_receivers_default_or_an_error() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct More {
        x: i64,
        z: i64,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Lenient {
        x: i64,
        #[serde(default)]
        z: i64,
        o: Option<String>,
    }
    let error = read_as::<_, More>(&Point { x: 1, y: 2 }).unwrap_err();

    assert!(error.contains("the sender's type has no field for `z`"), "{error}");
    assert_eq!(read_as(&Point { x: 1, y: 2 }), Ok(Lenient { x: 1, z: 0, o: None }));
}

#[test]
fn a_zero_that_was_not_sent_is_zero_not_the_receivers_default() {
    fn seven() -> i64 {
        7
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Sevens {
        #[serde(default = "seven")]
        x: i64,
        #[serde(default = "seven")]
        z: i64,
    }
    assert_eq!(read_as(&Point::default()), Ok(Sevens { x: 0, z: 7 }));
}

#[test]
fn names_are_found_without_regard_to_case_and_underscores() {
    #[derive(Serialize, Deserialize)]
    struct Go {
        #[serde(rename = "UserID")]
        id: i64,
        #[serde(rename = "HTTPUrl")]
        url: String,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Rust {
        http_url: String,
        user_id: i64,
    }
    let sent = Go { id: 6, url: "u".into() };

    assert_eq!(read_as(&sent), Ok(Rust { http_url: "u".into(), user_id: 6 }));
}

#[test]
fn an_exact_name_is_never_taken_by_a_looser_one() {
    #[derive(Serialize, Deserialize)]
    struct Sender {
        #[serde(rename = "ID")]
        upper: i64,
        #[serde(rename = "Id")]
        mixed: i64,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Receiver {
        id: i64,
    }
    assert_eq!(read_as(&Sender { upper: 6, mixed: 7 }), Ok(Receiver { id: 7 }));
}

#[test]
fn an_alias_is_found_and_the_real_name_is_written() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Renamed {
        #[serde(alias = "old_name", alias = "ancient")]
        new_name: i64,
        other: i64,
    }
    #[derive(Serialize, Deserialize)]
    struct Old {
        old_name: i64,
        other: i64,
    }
    comes_back(Renamed { new_name: 6, other: 7 });
    assert_eq!(read_as(&Old { old_name: 6, other: 7 }), Ok(Renamed { new_name: 6, other: 7 }));
}

#[test]
fn a_type_that_knows_its_fields_by_name_only_is_read() {
    #[derive(Debug, PartialEq)]
    struct ByHand {
        x: i64,
        y: i64,
    }
    impl<'de> Deserialize<'de> for ByHand {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Fields;
            impl<'de> serde::de::Visitor<'de> for Fields {
                type Value = ByHand;
                fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    out.write_str("fields")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<ByHand, A::Error> {
                    let mut made = ByHand { x: 0, y: 0 };
                    while let Some(key) = map.next_key::<String>()? {
                        *(if key == "x" { &mut made.x } else { &mut made.y }) = map.next_value()?;
                    }
                    Ok(made)
                }
            }
            deserializer.deserialize_struct("ByHand", &["x", "y"], Fields)
        }
    }
    assert_eq!(read_as(&Wrapped { v: Point { x: 6, y: 7 } }), Ok(Wrapped { v: ByHand { x: 6, y: 7 } }));
    assert_eq!(read_as(&vec![Point { x: 6, y: 0 }]), Ok(vec![ByHand { x: 6, y: 0 }]));
}

#[test]
fn errors_name_the_path_and_the_byte() {
    let sent = Wrapped { v: vec![Point { x: 1, y: 2 }, Point { x: 300, y: 0 }] };
    #[derive(Deserialize, Debug)]
    struct Small {
        #[serde(rename = "x")]
        _x: i8,
    }
    let bytes = to_vec(&sent).unwrap();

    let error = from_slice::<Wrapped<Vec<Small>>>(&bytes).unwrap_err();

    assert_eq!(error.path(), "V[1].X");
    assert_eq!(error.offset(), Some(bytes.len() - 2));
    assert_eq!(error.kind(), ferrywire_gob::ErrorKind::OutOfRange);
}

#[test]
fn types_that_gob_cannot_say_are_refused_with_the_way_out() {
    #[derive(Serialize, Deserialize, Debug)]
    #[serde(untagged)]
    enum Loose {
        Number(i64),
    }
    let refusal = |result: Result<Vec<u8>, ferrywire_gob::Error>| result.unwrap_err().to_string();

    assert!(refusal(to_vec(&Wrapped { v: (1_i64, "s".to_owned()) })).contains("use a struct"));
    assert!(refusal(ferrywire_gob::Plan::of::<Loose>().map(|_| Vec::new())).contains("AsIf::<Twin>"));
    assert!(refusal(to_vec(&vec![None::<i64>])).contains("a None inside a sequence"));
    assert!(refusal(to_vec(&Wrapped { v: u128::MAX })).contains("u128"));
}

#[test]
fn two_plans_that_share_a_type_do_not_define_it_twice() {
    use ferrywire_gob::{Plan, Told};
    let points = Plan::of::<Vec<Point>>().unwrap();
    let wrapped = Plan::of::<Wrapped<Vec<Point>>>().unwrap();
    let mut told = Told::new();
    let mut out = Vec::new();

    told.tell(points, &mut out);
    let first = out.len();
    told.tell(wrapped, &mut out);

    assert!(told.covers(wrapped));
    let mut alone = Vec::new();
    wrapped.put_definitions(&mut alone);
    assert_eq!(out.len() - first, alone.len() - first, "only the struct around was new");
}

#[test]
fn a_body_that_stands_alone_loses_the_definitions_that_its_peer_has() {
    use ferrywire_gob::{Plan, Told};
    let plan = Plan::of::<Wrapped<Point>>().unwrap();
    let value = Wrapped { v: Point { x: 6, y: 7 } };
    let mut told = Told::new();
    let mut out = b"before".to_vec();
    plan.encode_with_definitions(&value, &mut out).unwrap();
    let whole = out.clone();

    told.settle(&mut out, 6);
    assert_eq!(out, whole, "all was new");
    told.settle(&mut out, 6);

    let mut expected = b"before".to_vec();
    plan.encode(&value, &mut expected).unwrap();
    assert_eq!(out, expected);
}

#[test]
fn a_failed_encode_leaves_nothing_behind() {
    let plan = ferrywire_gob::Plan::of::<Vec<Option<i64>>>().unwrap();
    let mut out = b"before".to_vec();

    assert!(plan.encode(&vec![Some(1), None], &mut out).is_err());

    assert_eq!(out, b"before");
}

#[test]
fn a_schema_is_go_syntax_and_ends_for_types_that_hold_themselves() {
    use ferrywire_gob::{Kind, Plan};
    let go_type = |plan: ferrywire_gob::Result<&'static Plan>| plan.unwrap().schema().go_type();
    assert_eq!(go_type(Plan::of::<HashMap<String, Vec<Point>>>()), "map[string][]Point");
    assert_eq!(go_type(Plan::of::<[Option<u8>; 4]>()), "[4]uint8");
    assert!(go_type(Plan::of::<Rose>()).starts_with("[][]"));

    let bin = Plan::of::<Bin>().unwrap().schema();
    let fields: Vec<_> = bin.fields().map(|(name, schema)| (name, schema.go_type())).collect();

    assert_eq!((bin.kind(), bin.name()), (Kind::Struct, "Bin"));
    assert_eq!(fields, [("Left", "Bin".into()), ("Right", "Bin".into()), ("Value", "int".to_owned())]);
}

#[test]
fn a_time_is_bytes_in_gob_and_a_text_in_json() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct At {
        #[serde(with = "ferrywire_gob::time")]
        at: std::time::SystemTime,
        #[serde(with = "ferrywire_gob::big_int")]
        big: i128,
    }
    let at = At { at: std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1500), big: -258 };

    assert!(serde_json::to_string(&at).unwrap().starts_with(r#"{"at":"1970-01-01T00:00:01.5Z""#));
    assert_eq!(serde_json::from_str::<At>(&serde_json::to_string(&at).unwrap()).unwrap(), at);
    comes_back(at);
}

#[test]
fn a_time_of_no_bytes_is_refused_and_one_that_was_left_out_is_zero() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct At {
        number: i64,
        time: Time,
    }
    let empty = to_vec(&vec![GobEncoded(Vec::new())]).unwrap();

    let error = from_slice::<Vec<Time>>(&empty).unwrap_err();

    assert!(error.to_string().contains("0 bytes are no time.Time, expected 15 or 16"), "{error}");
    comes_back(At { number: 6, time: Time::default() });
}

#[test]
fn borrowed_text_and_bytes_point_into_the_input() {
    #[derive(Serialize, Deserialize)]
    struct Lent<'a> {
        text: &'a str,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
    }
    let encoded = to_vec(&Lent { text: "six", bytes: b"seven" }).unwrap();

    let lent: Lent<'_> = from_slice(&encoded).unwrap();

    assert!(encoded.as_ptr_range().contains(&lent.text.as_ptr()));
    assert!(encoded.as_ptr_range().contains(&lent.bytes.as_ptr()));
}

#[test]
fn a_damaged_message_is_named_by_its_byte_in_the_stream() {
    let mut bytes = to_vec(&Point { x: 6, y: 7 }).unwrap();
    let first = bytes.len();
    // A value of a type that nobody defined.
    bytes.extend_from_slice(&[0x04, 0xfe, 0x7f, 0x00, 0x00]);
    let mut decoder = ferrywire_gob::Decoder::new(&bytes[..]);
    decoder.decode::<Point>().unwrap();

    let error = decoder.decode::<Point>().unwrap_err();

    assert_eq!(error.offset(), Some(first + 4));
}
