//! Before a type's first value: all that is reachable from it is defined, nests no deeper than allowed, and
//! whether it can hold an interface is known.
//!
//! Each type is looked at once. Nothing here recurses: a peer chooses how types nest.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};

use super::{Admitted, Form, Ty, Types, Wire};

/// A type whose parts are being looked at.
struct Visit {
    ty: Ty,
    next: usize,
    depth: usize,
}

impl Types {
    /// The type of an id that a value names.
    ///
    /// # Errors
    ///
    /// Where it or something that it is made of is not defined, even if no value of that is sent; or where it
    /// nests too deep.
    #[inline]
    pub(crate) fn admit(&self, id: i64) -> Result<Ty> {
        let Some(ty) = i32::try_from(id).ok().and_then(|id| self.find(id)) else {
            return Err(undefined(id));
        };
        match self.wire(ty) {
            Some(wire) if wire.admitted.get().is_none() => self.admit_new(ty, wire),
            _ => Ok(ty),
        }
    }

    /// Whether a value of this admitted type may hold an interface.
    #[inline]
    pub(crate) fn reaches_interface(&self, ty: Ty) -> bool {
        match self.wire(ty) {
            Some(wire) => wire.admitted.get().is_none_or(|admitted| admitted.reaches_interface),
            None => ty == Ty::INTERFACE,
        }
    }

    #[cold]
    fn admit_new(&self, ty: Ty, wire: &Wire) -> Result<Ty> {
        // Without this, each of many short values would walk a large type that lacks something.
        if wire.refused_at.load(Ordering::Relaxed) == self.wires.len() {
            return Err(Error::damaged(format!(
                "{} is made of types that are not defined",
                self.describe(ty)
            )));
        }
        self.visit(ty).inspect_err(|_| wire.refused_at.store(self.wires.len(), Ordering::Relaxed))?;
        Ok(ty)
    }

    /// Walks depth first over what is not yet admitted, then admits all of it.
    fn visit(&self, root: Ty) -> Result<()> {
        let mut order: Vec<(Ty, usize)> = Vec::new();
        let mut users: HashMap<u32, Vec<Ty>> = HashMap::new();
        let mut depths: HashMap<u32, usize> = HashMap::from([(root.0, 0)]);
        let mut holders: Vec<Ty> = Vec::new();
        let mut open = vec![Visit { ty: root, next: 0, depth: 1 }];
        while let Some(visit) = open.last_mut() {
            let Some(wire) = self.wire(visit.ty) else {
                break;
            };
            let parts = self.parts_of(wire)?;
            let Some(part) = parts.get(visit.next).copied() else {
                let (ty, depth) = (visit.ty, visit.depth);
                if depth > self.limits.type_depth_max {
                    return Err(self.too_deep());
                }
                depths.insert(ty.0, depth);
                order.push((ty, depth));
                open.pop();
                if let Some(outer) = open.last_mut() {
                    outer.depth = outer.depth.max(depth + 1);
                }
                continue;
            };
            visit.next += 1;
            let user = visit.ty;
            match self.wire(part) {
                None => {
                    if part == Ty::INTERFACE {
                        holders.push(user);
                    }
                }
                Some(inner) => match (inner.admitted.get(), depths.get(&part.0)) {
                    (Some(admitted), _) => {
                        visit.depth = visit.depth.max(admitted.depth + 1);
                        if admitted.reaches_interface {
                            holders.push(user);
                        }
                    }
                    (None, known) => {
                        users.entry(part.0).or_default().push(user);
                        match known {
                            Some(depth) => visit.depth = visit.depth.max(depth + 1),
                            None => {
                                if open.len() >= self.limits.type_depth_max {
                                    return Err(self.too_deep());
                                }
                                depths.insert(part.0, 0);
                                open.push(Visit { ty: part, next: 0, depth: 1 });
                            }
                        }
                    }
                },
            }
        }
        // From those that hold an interface back to all that hold them.
        let mut reaching: HashMap<u32, ()> = HashMap::new();
        while let Some(holder) = holders.pop() {
            if reaching.insert(holder.0, ()).is_none() {
                holders.extend(users.get(&holder.0).into_iter().flatten());
            }
        }
        for (ty, depth) in order {
            if let Some(wire) = self.wire(ty) {
                let _ =
                    wire.admitted.set(Admitted { depth, reaches_interface: reaching.contains_key(&ty.0) });
            }
        }
        Ok(())
    }

    /// The types that a type is directly made of, looked up once.
    fn parts_of<'w>(&self, wire: &'w Wire) -> Result<&'w [Ty]> {
        if let Some(parts) = wire.parts.get() {
            return Ok(parts);
        }
        let find = |id: i32| self.find(id).ok_or_else(|| undefined(id.into()));
        let parts = match &wire.definition.form {
            Form::Array(element, _) | Form::Slice(element) => vec![find(*element)?],
            Form::Map(key, element) => vec![find(*key)?, find(*element)?],
            Form::Struct(fields) => fields.iter().map(|field| find(field.id)).collect::<Result<_>>()?,
            Form::Opaque(_) => Vec::new(),
        };
        Ok(wire.parts.get_or_init(|| parts.into()))
    }

    #[cold]
    fn too_deep(&self) -> Error {
        Error::limit(format!("types nest deeper than {}", self.limits.type_depth_max))
    }
}

#[cold]
fn undefined(id: i64) -> Error {
    Error::damaged(format!("undefined type {id}"))
}
