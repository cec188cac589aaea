//! What was seen becomes nodes: refusals first, then the registry.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use crate::names::go_name;
use crate::shape::{Field, Link, Node, Predefined, Registry, Shape, Variant};

use super::{Content, Place, Seen, SeenEnum, SeenStruct, Tracer};

impl Tracer {
    /// Refuses what gob cannot say, naming the field and the way out. `refusal` is what a type said to its trial values.
    pub(super) fn check(&self, root: Place, refusal: &str) -> Result<(), String> {
        let mut met = HashSet::new();
        let mut open = vec![(root, String::new())];
        while let Some((place, path)) = open.pop() {
            let place = self.resolve(place);
            if !met.insert(place) {
                continue;
            }
            let shown = if path.is_empty() { "the type" } else { path.as_str() };
            match &self.seen[place] {
                Seen::Unknown | Seen::Same(_) => {
                    return Err(format!(
                        "`{shown}` stayed hidden, because what is read before it refuses every trial value ({refusal})"
                    ));
                }
                Seen::Slice(element) => open.push((*element, path + "[]")),
                Seen::Map(key, element) => {
                    open.push((*element, format!("{path}{{value}}")));
                    open.push((*key, format!("{path}{{key}}")));
                }
                Seen::Tuple(places) => {
                    self.check_tuple(places, shown, refusal)?;
                    open.extend(places.first().map(|first| (*first, path + "[]")));
                }
                Seen::Struct(seen) => {
                    check_names(seen, shown, &path)?;
                    let fields = seen.fields.iter().filter(|field| !field.alias).rev();
                    open.extend(fields.map(|field| (field.place, format!("{path}.{}", field.rust))));
                }
                Seen::Enum(seen) => {
                    if let Some(hidden) =
                        seen.variants.iter().find(|variant| variant.content == Content::Unknown)
                    {
                        return Err(format!(
                            "`{shown}`: variant {} refuses every trial value ({refusal})",
                            hidden.name
                        ));
                    }
                    let filled =
                        seen.variants.iter().filter(|variant| variant.content == Content::Something).rev();
                    open.extend(filled.map(|variant| (variant.place, format!("{path}::{}", variant.name))));
                }
                Seen::Plain(_) | Seen::Opaque(..) | Seen::Unit(_) => {}
            }
        }
        Ok(())
    }

    fn check_tuple(&self, places: &[Place], shown: &str, refusal: &str) -> Result<(), String> {
        let Some(first) = places.first() else {
            return Err(format!("`{shown}`: an array of length 0 does not show its element type"));
        };
        if places.iter().any(|place| matches!(self.seen[self.resolve(*place)], Seen::Unknown)) {
            return Err(format!(
                "`{shown}` stayed hidden in part, because an element refuses every trial value ({refusal})"
            ));
        }
        if places.iter().any(|place| !self.is_same(*first, *place)) {
            return Err(format!(
                "`{shown}` is a tuple of different types, which Go does not have: use a struct"
            ));
        }
        Ok(())
    }

    /// Whether two places hold one type.
    fn is_same(&self, left: Place, right: Place) -> bool {
        let (left, right) = (self.resolve(left), self.resolve(right));
        let pairwise = |left: &[Place], right: &[Place]| {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| self.is_same(*left, *right))
        };
        left == right
            || match (&self.seen[left], &self.seen[right]) {
                (Seen::Plain(left), Seen::Plain(right)) => left == right,
                (Seen::Opaque(left, left_name), Seen::Opaque(right, right_name)) => {
                    (left, left_name) == (right, right_name)
                }
                (Seen::Unit(left), Seen::Unit(right)) => left == right,
                (Seen::Slice(left), Seen::Slice(right)) => self.is_same(*left, *right),
                (Seen::Tuple(left), Seen::Tuple(right)) => pairwise(left, right),
                (Seen::Map(key, element), Seen::Map(other_key, other_element)) => {
                    pairwise(&[*key, *element], &[*other_key, *other_element])
                }
                _ => false,
            }
    }

    /// The node of what was seen at `root`; it must have been checked.
    pub(super) fn register(&mut self, root: Place, registry: &mut Registry) -> &'static Node {
        let mut settled = Settled { tracer: self, registry, nodes: BTreeMap::new() };
        settled.node(root)
    }
}

fn check_names(seen: &SeenStruct, shown: &str, path: &str) -> Result<(), String> {
    let mut names = BTreeMap::new();
    for field in seen.fields.iter().filter(|field| !field.alias) {
        let Some(go) = go_name(field.rust) else {
            return Err(format!("`{path}.{}` cannot begin upper case in Go: rename it", field.rust));
        };
        if let Some(other) = names.insert(go.clone(), field.rust) {
            return Err(format!("`{shown}`: `{other}` and `{}` are both {go} in Go", field.rust));
        }
    }
    Ok(())
}

/// Nodes are made from the outside in, as Go gives its ids: a struct before its fields, a slice after its element.
struct Settled<'t> {
    tracer: &'t Tracer,
    registry: &'t mut Registry,
    nodes: BTreeMap<Place, &'static Node>,
}

impl Settled<'_> {
    fn node(&mut self, place: Place) -> &'static Node {
        let place = self.tracer.resolve(place);
        if let Some(node) = self.nodes.get(&place) {
            return node;
        }
        let node = match &self.tracer.seen[place] {
            Seen::Plain(plain) => self.registry.predefined(*plain),
            Seen::Opaque(marshaler, name) => self.registry.opaque(*marshaler, name),
            Seen::Unit(name) => self.registry.empty_struct(name),
            Seen::Struct(seen) => return self.visited_struct(place, seen),
            Seen::Enum(seen) => return self.visited_enum(place, seen),
            Seen::Slice(_) | Seen::Map(..) | Seen::Tuple(_) => self.composite(place),
            Seen::Unknown | Seen::Same(_) => unreachable!("what stayed hidden was refused"),
        };
        self.nodes.insert(place, node);
        node
    }

    fn visited_struct(&mut self, place: Place, seen: &SeenStruct) -> &'static Node {
        if let Some(node) = self.registry.visited(seen.visitor) {
            self.nodes.insert(place, node);
            return node;
        }
        let shape = Shape::Struct { name: seen.name.to_owned(), fields: OnceLock::new() };
        let node = self.registry.insert_visited(seen.visitor, shape);
        self.nodes.insert(place, node);
        let fields = seen.fields.iter().filter(|field| !field.alias).map(|field| Field {
            rust: field.rust,
            go: go_name(field.rust).expect("names were checked"),
            node: self.node(field.place),
        });
        let linked: Box<[Field]> = fields.collect();
        if let Shape::Struct { fields, .. } = &node.shape {
            let _ = fields.set(linked);
        }
        node
    }

    fn visited_enum(&mut self, place: Place, seen: &SeenEnum) -> &'static Node {
        if seen.variants.iter().all(|variant| variant.content == Content::Nothing) {
            let node = self.registry.predefined(Predefined::Name);
            self.nodes.insert(place, node);
            return node;
        }
        if let Some(node) = self.registry.visited(seen.visitor) {
            self.nodes.insert(place, node);
            return node;
        }
        let shape = Shape::Interface { name: seen.name.to_owned(), variants: OnceLock::new() };
        let node = self.registry.insert_visited(seen.visitor, shape);
        self.nodes.insert(place, node);
        let variants = seen.variants.iter().map(|variant| Variant {
            name: variant.name,
            node: match variant.content {
                Content::Nothing => self.registry.empty_struct(variant.name),
                _ => self.node(variant.place),
            },
        });
        let linked: Box<[Variant]> = variants.collect();
        if let Shape::Interface { variants, .. } = &node.shape {
            let _ = variants.set(linked);
        }
        node
    }

    fn composite(&mut self, place: Place) -> &'static Node {
        let own = self.tracer.visited.iter().find(|(_, at)| **at == place).map(|(visitor, _)| *visitor);
        if let Some(visitor) = own.filter(|_| self.tracer.contains_itself(place)) {
            return self.knot(place, visitor);
        }
        match self.tracer.seen[place].clone() {
            Seen::Slice(element) => match self.node(element) {
                Node { shape: Shape::Uint { byte: true }, .. } => self.registry.predefined(Predefined::Bytes),
                element => self.registry.slice(element),
            },
            Seen::Tuple(places) => {
                let element = self.node(*places.first().expect("empty tuples were refused"));
                self.registry.array(element, places.len())
            }
            Seen::Map(key, element) => {
                let (key, element) = (self.node(key), self.node(element));
                self.registry.map(key, element)
            }
            other => unreachable!("{other:?} is not made of others"),
        }
    }

    /// A newtype that contains itself without a struct between (`struct Tree(Vec<Tree>)`): known by its visitor.
    fn knot(&mut self, place: Place, visitor: std::any::TypeId) -> &'static Node {
        if let Some(node) = self.registry.visited(visitor) {
            return node;
        }
        let seen = self.tracer.seen[place].clone();
        let shape = match &seen {
            Seen::Slice(_) => Shape::Slice(Link::new()),
            Seen::Map(..) => Shape::Map(Link::new(), Link::new()),
            Seen::Tuple(places) => Shape::Array(Link::new(), places.len()),
            other => unreachable!("{other:?} does not contain itself"),
        };
        let node = self.registry.insert_visited(visitor, shape);
        self.nodes.insert(place, node);
        let parts = match seen {
            Seen::Slice(element) => vec![element],
            Seen::Map(key, element) => vec![key, element],
            Seen::Tuple(places) => places.into_iter().take(1).collect(),
            _ => Vec::new(),
        };
        let parts: Vec<_> = parts.into_iter().map(|part| self.node(part)).collect();
        let links: Vec<&Link> = match &node.shape {
            Shape::Slice(element) | Shape::Array(element, _) => vec![element],
            Shape::Map(key, element) => vec![key, element],
            _ => Vec::new(),
        };
        for (link, part) in links.into_iter().zip(parts) {
            let _ = link.set(part);
        }
        node
    }
}

impl Tracer {
    /// Whether a slice, array or map leads back to itself through nothing but slices, arrays and maps.
    fn contains_itself(&self, start: Place) -> bool {
        let mut met = HashSet::new();
        let mut open = vec![start];
        while let Some(place) = open.pop() {
            let parts = match &self.seen[self.resolve(place)] {
                Seen::Slice(element) => vec![*element],
                Seen::Map(key, element) => vec![*key, *element],
                Seen::Tuple(places) => places.clone(),
                _ => continue,
            };
            for part in parts.into_iter().map(|part| self.resolve(part)) {
                if part == start {
                    return true;
                }
                if met.insert(part) {
                    open.push(part);
                }
            }
        }
        false
    }
}
