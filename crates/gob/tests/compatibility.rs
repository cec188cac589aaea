//! Values go out and come back, also between types that differ.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use ferrywire_gob::{from_slice, to_vec};
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
