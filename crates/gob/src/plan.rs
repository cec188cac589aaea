//! How values of one Rust type are written: traced once, kept for the life of the process, never changed.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::ser::{Write, from_the_top};
use crate::shape::{FIRST_ID, Node, Registry};
use crate::trace::trace;
use crate::wire::{long_uint, put_int};

/// How values of one Rust type are written.
///
/// A value is written by the plan of its own type, or by another's that has the same layout: `&[T]` by
/// that of `Vec<T>`, `str` by that of `String`.
pub struct Plan {
    root: &'static Node,
    /// All types that a peer must have been told, outer before inner, as Go sends them.
    definitions: Box<[&'static Node]>,
    /// The same types as bits, for [`Told`](crate::Told).
    bits: Box<[(usize, u64)]>,
    /// How many bytes the length of the last value took: most values of a type are of like size.
    prefix_len: AtomicUsize,
}

/// Plans by type. Process-wide, as the ids on the wire are: a connection only has to know which were told.
static PLANS: LazyLock<RwLock<HashMap<TypeId, &'static Plan>>> = LazyLock::new(RwLock::default);
static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

impl Plan {
    /// The plan of `T`, whose lifetimes do not count.
    ///
    /// The first call for a type runs its `Deserialize` some times on trial values; later ones look it up.
    /// Keep the result where calls are frequent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a type that gob cannot say, naming the
    /// field and the way out.
    pub fn of<'de, T: Deserialize<'de>>() -> Result<&'static Self> {
        let key = typeid::of::<T>();
        if let Some(plan) = PLANS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(plan);
        }
        // Tracing runs foreign code, which may ask for plans itself: no lock is held meanwhile.
        let root = trace::<T>(&REGISTRY)?;
        let mut plans = PLANS.write().unwrap_or_else(PoisonError::into_inner);
        Ok(plans.entry(key).or_insert_with(|| Box::leak(Box::new(Self::from_root(root)))))
    }

    fn from_root(root: &'static Node) -> Self {
        let definitions = definitions_of(root);
        let mut bits: Vec<(usize, u64)> = Vec::new();
        for node in &definitions {
            let (word, bit) = bit_of(node.id);
            match bits.iter_mut().find(|(at, _)| *at == word) {
                Some((_, mask)) => *mask |= bit,
                None => bits.push((word, bit)),
            }
        }
        Self { root, definitions: definitions.into(), bits: bits.into(), prefix_len: AtomicUsize::new(1) }
    }

    /// Appends `value` as exactly one message, without definitions; the peer must have been
    /// [told](crate::Told) them.
    ///
    /// # Errors
    ///
    /// Where `value` is not of this plan's layout, nests deeper than the 64 levels that readers take by default,
    /// or holds what gob cannot say, such as a `None` inside a sequence. `out` is then as it was.
    #[inline]
    pub fn encode<V: Serialize + ?Sized>(&self, value: &V, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        self.encode_value(value, out).inspect_err(|_| out.truncate(start))
    }

    #[inline]
    fn encode_value<V: Serialize + ?Sized>(&self, value: &V, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let reserved = self.prefix_len.load(Ordering::Relaxed);
        out.extend_from_slice(ROOM.get(..reserved).unwrap_or_default());
        let body = out.len();
        put_int(out, i64::from(self.root.id));
        if !self.root.is_struct() {
            out.push(0);
        }
        if !from_the_top(|| value.serialize(Write::whole(out, self.root)))? {
            return Err(Error::unsupported("a None at the top has no gob encoding"));
        }
        self.set_len(out, start, body);
        Ok(())
    }

    /// Writes the length of the message that begins at `start`, for which the bytes up to `body` were reserved.
    #[inline]
    fn set_len(&self, out: &mut Vec<u8>, start: usize, body: usize) {
        let len = (out.len() - body) as u64;
        let (bytes, used) = if len < 128 { ([len as u8; 9], 1) } else { long_uint(len) };
        let prefix = bytes.get(..used).unwrap_or_default();
        if used == body - start {
            if let Some(room) = out.get_mut(start..body) {
                room.copy_from_slice(prefix);
            }
        } else {
            self.prefix_len.store(used, Ordering::Relaxed);
            out.splice(start..body, prefix.iter().copied());
        }
    }

    /// Appends all definitions and then `value`: bytes that stand alone.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_with_definitions<V: Serialize + ?Sized>(&self, value: &V, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        self.put_definitions(out);
        self.encode(value, out).inspect_err(|_| out.truncate(start))
    }

    /// Appends the definitions of all types of this plan.
    pub fn put_definitions(&self, out: &mut Vec<u8>) {
        for node in &self.definitions {
            out.extend_from_slice(node.definition());
        }
    }

    /// What the type looks like, for people and tools.
    #[must_use]
    pub fn schema(&self) -> Schema {
        Schema::of(self.root)
    }

    pub(crate) fn definitions(&self) -> &[&'static Node] {
        &self.definitions
    }

    pub(crate) fn bits(&self) -> &[(usize, u64)] {
        &self.bits
    }
}

/// The longest a length prefix gets.
static ROOM: [u8; 9] = [0; 9];

impl fmt::Debug for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plan").field("root", self.root).field("definitions", &self.definitions).finish()
    }
}

/// The word and the bit that stand for a type id of ours.
pub(crate) fn bit_of(id: i32) -> (usize, u64) {
    let at = id.saturating_sub(FIRST_ID).unsigned_abs() as usize;
    (at / 64, 1 << (at % 64))
}

/// All types below `root` that need a definition, outer first, each once.
fn definitions_of(root: &'static Node) -> Vec<&'static Node> {
    let mut met = HashSet::new();
    let mut open = vec![root];
    let mut definitions = Vec::new();
    while let Some(node) = open.pop() {
        if !met.insert(std::ptr::from_ref(node)) {
            continue;
        }
        if node.needs_definition() {
            definitions.push(node);
        }
        open.extend(node.parts().into_iter().rev());
    }
    definitions
}
