//! The messages of one value while it is decoded, and the budget it has.

use crate::error::{Error, Result};
use crate::skim::{self, Skim, Stop};
use crate::types::{Definition, Ty, Types};
use crate::wire::Cursor;

/// One value's bytes, the types they are of, and what may still be spent on them.
pub(crate) struct Input<'t, 'de> {
    pub(crate) types: &'t Types,
    /// What is left of the current message.
    pub(crate) body: Cursor<'de>,
    /// The messages after it.
    after: &'de [u8],
    len: usize,
    depth: usize,
    steps: u64,
    zero_size: usize,
    /// A receiver refused to take its fields without names: the value is to be read once more.
    pub(crate) must_retry: bool,
}

impl<'t, 'de> Input<'t, 'de> {
    #[inline]
    pub(crate) fn new(types: &'t Types, value: &'de [u8]) -> Self {
        Self {
            types,
            body: Cursor { rest: &[] },
            after: value,
            len: value.len(),
            depth: 0,
            steps: types.limits.steps(value.len()),
            zero_size: types.limits.zero_size_elements_max,
            must_retry: false,
        }
    }

    /// Reads what stands before a value at the top, and answers its type.
    #[inline]
    pub(crate) fn begin(&mut self) -> Result<Ty> {
        self.next_message()?;
        let id = self.body.int()?;
        let ty = self.types.admit(id)?;
        self.singleton(ty)?;
        Ok(ty)
    }

    /// The zero byte before a value that is not a struct.
    #[inline]
    fn singleton(&mut self, ty: Ty) -> Result<()> {
        if !self.types.is_struct(ty) && self.body.uint()? != 0 {
            return Err(skim::nonzero_singleton());
        }
        Ok(())
    }

    #[inline]
    fn next_message(&mut self) -> Result<()> {
        let mut after = Cursor { rest: self.after };
        let body = after.bytes()?;
        if body.is_empty() {
            return Err(Error::eof());
        }
        self.body.rest = body;
        self.after = after.rest;
        Ok(())
    }

    /// How many bytes were read.
    pub(crate) fn offset(&self) -> usize {
        self.len - self.after.len() - self.body.rest.len()
    }

    /// A count of elements, which may go on in the messages after this one.
    #[inline]
    pub(crate) fn count(&mut self) -> Result<usize> {
        self.body.count(self.after.len())
    }

    /// A step's worth of work is done.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<()> {
        match self.steps.checked_sub(1) {
            Some(steps) => {
                self.steps = steps;
                Ok(())
            }
            None => Err(skim::too_many_steps()),
        }
    }

    /// Work for several steps is about to be done.
    pub(crate) fn steps(&mut self, count: usize) -> Result<()> {
        self.steps = self.steps.checked_sub(count as u64).ok_or_else(skim::too_many_steps)?;
        Ok(())
    }

    /// The first of `left` elements of a slice or an array follows.
    ///
    /// A struct may take no byte where it is the end of the message, but in a list Go wants one of each.
    #[inline]
    pub(crate) fn element(&mut self, left: usize) -> Result<()> {
        if self.body.rest.is_empty() {
            return Err(skim::too_few(left));
        }
        self.step()
    }

    /// An entry of a map follows, which may have no byte of its own.
    #[inline]
    pub(crate) fn entry(&mut self) -> Result<()> {
        if self.body.rest.is_empty() {
            self.zero_size = self.zero_size.checked_sub(1).ok_or_else(skim::too_many_zero_size)?;
        }
        self.step()
    }

    /// Goes a level down.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<()> {
        let max = self.types.limits.value_depth_max;
        if self.depth >= max {
            return Err(skim::too_deep(max));
        }
        self.depth += 1;
        Ok(())
    }

    /// Comes a level up.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Leaves out a value.
    pub(crate) fn skip(&mut self, ty: Ty) -> Result<()> {
        match ty {
            Ty::BOOL | Ty::INT | Ty::UINT | Ty::FLOAT => self.body.uint().map(drop),
            Ty::BYTES | Ty::STRING => self.body.bytes().map(drop),
            _ => self.skip_compound(ty),
        }
    }

    fn skip_compound(&mut self, ty: Ty) -> Result<()> {
        let mut skim = Skim::new(ty, self.steps, self.zero_size, self.depth);
        loop {
            match skim.advance(self.types, &mut self.body)? {
                Stop::Done => break,
                Stop::NextMessage => self.next_message()?,
                Stop::Definition(id) => {
                    self.step_over_definition(id)?;
                    skim.defined(&mut self.body)?;
                }
            }
        }
        (self.steps, self.zero_size) = (skim.steps, skim.zero_size);
        Ok(())
    }

    /// What an interface's name is; empty if it is nil.
    pub(crate) fn interface_name(&mut self) -> Result<&'de [u8]> {
        let name = self.body.bytes()?;
        skim::check_name_len(self.types, name)?;
        Ok(name)
    }

    /// What follows an interface's name: definitions, which may end the message, then the type and a byte count.
    pub(crate) fn concrete(&mut self) -> Result<Ty> {
        let id = loop {
            if self.body.rest.is_empty() {
                self.next_message()?;
            }
            let id = self.body.int()?;
            if id >= 0 {
                break id;
            }
            self.step_over_definition(id)?;
            if !self.body.rest.is_empty() {
                self.body.uint()?;
            }
        };
        self.body.uint()?;
        let ty = self.types.admit(id)?;
        self.singleton(ty)?;
        Ok(ty)
    }

    /// Definitions inside a value were taken in when its end was looked for.
    #[cold]
    fn step_over_definition(&mut self, id: i64) -> Result<()> {
        let id = crate::types::user_id(id)?;
        Definition::read(id, &mut self.body, &self.types.limits).map(drop)
    }
}
