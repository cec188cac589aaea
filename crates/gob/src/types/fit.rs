//! How the fields of a peer's struct meet those of a Rust struct: worked out once per pair of types.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::names::{folded, go_name, is_exported};

use super::definition::FieldDefinition;
use super::{Chain, Ty};

/// The fits of one type of the peer's.
pub(crate) type Fits = Chain<Fit>;

/// Which of the sender's fields go to which of the receiver's.
///
/// The work on a value follows the receiver's fields, of which there are as many as its author wrote, however
/// many the sender's type claims.
#[derive(Debug)]
pub(crate) struct Fit {
    /// The receiver's fields, by where they are: they are static, so the place is the identity.
    fields: &'static [&'static str],
    /// In the sender's order.
    pub(crate) pairs: Box<[Pair]>,
    /// All of the receiver's fields are there, in its order: they can be handed over without their names.
    in_order: bool,
    /// The receiver was found to know its fields by name only.
    by_name_only: AtomicBool,
}

/// A field that both sides have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    /// Its number at the sender, counted from 0.
    pub(crate) number: u32,
    pub(crate) ty: Ty,
    pub(crate) name: &'static str,
}

impl Fit {
    /// Exact Go name or exact Rust name first, for all fields, so that a looser match never takes a field from an exact
    /// one; then without case and `_`.
    pub(crate) fn new(sent: &[FieldDefinition], types: &[Ty], fields: &'static [&'static str]) -> Self {
        let mut exact: HashMap<&str, usize> = HashMap::new();
        let mut by_go_name: HashMap<String, usize> = HashMap::new();
        let mut loose: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, rust) in fields.iter().enumerate() {
            exact.entry(rust).or_insert(at);
            if let Some(go) = go_name(rust) {
                by_go_name.entry(go).or_insert(at);
            }
            loose.entry(folded(rust)).or_default().push(at);
        }
        let mut taken = vec![false; fields.len()];
        let mut targets: Vec<Option<usize>> = vec![None; sent.len()];
        let mut take = |at: usize| taken.get_mut(at).is_some_and(|taken| !std::mem::replace(taken, true));
        for (target, field) in targets.iter_mut().zip(sent).filter(|(_, field)| is_exported(&field.name)) {
            let found = by_go_name.get(&*field.name).or_else(|| exact.get(&*field.name));
            *target = found.copied().filter(|at| take(*at));
        }
        for (target, field) in targets.iter_mut().zip(sent).filter(|(_, field)| is_exported(&field.name)) {
            if target.is_none() {
                let candidates = loose.get(&folded(&field.name)).into_iter().flatten();
                *target = candidates.copied().find(|at| take(*at));
            }
        }
        let matched = || {
            targets.iter().zip(types).enumerate().filter_map(|(at, (target, ty))| Some((at, (*target)?, *ty)))
        };
        let pairs = matched().filter_map(|(number, target, ty)| {
            let name = fields.get(target)?;
            Some(Pair { number: u32::try_from(number).ok()?, ty, name })
        });
        let in_order = matched().map(|(_, target, _)| target).eq(0..fields.len());
        Self { fields, pairs: pairs.collect(), in_order, by_name_only: AtomicBool::new(false) }
    }

    /// Whether this is the fit for a receiver with these fields.
    #[inline]
    pub(crate) fn is_for(&self, fields: &'static [&'static str]) -> bool {
        std::ptr::eq(self.fields, fields)
    }

    #[inline]
    pub(crate) fn is_in_order(&self) -> bool {
        self.in_order && !self.by_name_only.load(Ordering::Relaxed)
    }

    /// Notes that the receiver takes its fields by name only.
    #[cold]
    pub(crate) fn set_by_name_only(&self) {
        self.by_name_only.store(true, Ordering::Relaxed);
    }

    /// Whether both sides have fields and not one in common.
    pub(crate) fn is_empty(&self, sent: usize) -> bool {
        self.pairs.is_empty() && sent > 0 && !self.fields.is_empty()
    }
}
