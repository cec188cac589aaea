//! How much of a peer's claims is believed: every bound that decoding keeps to.
//!
//! A limit is checked before anything is allocated for what it limits. No value means "none".

/// The bounds of decoding; [`Default`] is meant for peers that nobody vouches for.
///
/// ```
/// let mut limits = ferrywire_gob::Limits::default();
/// limits.message_len_max = 64 << 20;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message that is read, in bytes, without its length prefix; 4 MiB unless set.
    ///
    /// A longer one ends the stream, before anything is buffered for it.
    pub message_len_max: usize,
    /// How deep values nest: structs, slices, arrays, maps and interfaces, also where they are
    /// skipped; 64 unless set. That depth fits a stack of 256 KiB.
    pub value_depth_max: usize,
    /// How deep type definitions nest, cycles counted once; 64 unless set.
    pub type_depth_max: usize,
    /// The types that a stream may define; 1,024 unless set.
    pub types_max: usize,
    /// The bytes that all definitions of a stream may take; 256 KiB unless set.
    pub definitions_len_max: usize,
    /// The fields of a struct type; 1,024 unless set.
    pub fields_max: usize,
    /// The longest name of a type, a field or an interface's content, in bytes; 1,024 unless set, as in Go.
    pub name_len_max: usize,
    /// The entries of maps in one value that may come without a byte of their own, as Go accepts of structs
    /// at the end of a message; 65,536 unless set.
    pub zero_size_elements_max: usize,
    /// What a collection may reserve ahead of its elements, in bytes; 64 KiB unless set.
    ///
    /// Beyond it a collection grows with what has arrived.
    pub first_capacity_max: usize,
    /// The steps that every value may take, however short: an element, a field or a type met is a
    /// step; 65,536 unless set.
    pub steps_base: u64,
    /// The further steps for every byte of a value; 8 unless set.
    pub steps_per_byte: u64,
}

/// How deep values nest unless a limit says otherwise, and how deep they are written.
pub(crate) const VALUE_DEPTH_MAX: usize = 64;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_len_max: 4 << 20,
            value_depth_max: VALUE_DEPTH_MAX,
            type_depth_max: 64,
            types_max: 1024,
            definitions_len_max: 256 << 10,
            fields_max: 1024,
            name_len_max: 1024,
            zero_size_elements_max: 65_536,
            first_capacity_max: 64 << 10,
            steps_base: 65_536,
            steps_per_byte: 8,
        }
    }
}

impl Limits {
    /// The steps that a value of `len` bytes may take.
    pub(crate) fn steps(&self, len: usize) -> u64 {
        self.steps_base.saturating_add(self.steps_per_byte.saturating_mul(len as u64))
    }
}
