//! Values and keys that nothing else in the world looks like.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use secret_store_core::SecretValue;

use super::{Expect, round_keys};

/// The shortest piece that is looked for, in bytes.
pub(super) const WINDOW: usize = 16;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Value,
    DocumentKey,
    MasterKey,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Value, Self::DocumentKey, Self::MasterKey];

    pub(super) fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|class| class.to_string() == text).expect("the child names a class")
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "value",
            Self::DocumentKey => "document-key",
            Self::MasterKey => "master-key",
        })
    }
}

/// One pseudo-random byte (the finaliser of splitmix64). Opaque to the optimiser, so that it computes one byte at a time and no
/// register ever holds a window.
#[inline(never)]
fn byte_of(seed: u64, index: u64, position: usize) -> u8 {
    let mut x =
        seed ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ (position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    std::hint::black_box((x ^ (x >> 31)) as u8)
}

fn text_byte_of(seed: u64, index: u64, position: usize) -> u8 {
    ALPHABET[usize::from(byte_of(seed, index, position) % 64)]
}

/// The child's side: makes canaries and tells the parent of them.
#[derive(Debug)]
pub struct Canaries {
    seed: u64,
    next: AtomicU64,
}

impl Canaries {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(1) }
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A new value of so many bytes of text, 16 at least.
    #[must_use]
    pub fn value(&self, bytes: usize) -> SecretValue {
        let index = self.next();
        let mut buffer = Vec::with_capacity(bytes);
        for position in 0..bytes {
            buffer.push(text_byte_of(self.seed, index, position));
        }
        say(&format!("value {index} {bytes}"));
        SecretValue::new(buffer)
    }

    /// A new master key of 32 bytes, which the backend is to hold. It must be gone when the backend is.
    pub fn master_key(&self) -> SecretValue {
        let (content, mut buffer) = (self.next(), Vec::with_capacity(32));
        for position in 0..32 {
            buffer.push(byte_of(self.seed, content, position));
        }
        self.announce(Class::MasterKey, &buffer);
        SecretValue::new(buffer)
    }

    /// Tells the parent of a piece of a master key that the backend holds. It must be gone when the backend is.
    pub fn watch_master_key(&self, bytes: &[u8]) {
        self.announce(Class::MasterKey, bytes);
    }

    /// Tells the parent of a document key, or another key that is to live for a moment: 16 bytes at least.
    pub fn watch_document_key(&self, bytes: &[u8]) {
        self.announce(Class::DocumentKey, bytes);
    }

    fn announce(&self, class: Class, bytes: &[u8]) {
        let index = self.next();
        let mut masked = String::with_capacity(2 * bytes.len());
        for (position, byte) in bytes.iter().enumerate() {
            let byte = std::hint::black_box(*byte ^ byte_of(self.seed, index, position));
            masked.push_str(&format!("{byte:02x}"));
        }
        say(&format!("key {class} {index} {masked}"));
    }

    /// Waits while the parent scans. `name` is one word; what is expected is of the values, of the document keys, and of the master
    /// keys.
    ///
    /// # Panics
    ///
    /// When the parent has gone. What it finds, it tells at its end.
    pub fn scan(&self, name: &str, [values, document_keys, master_keys]: [Expect; 3]) {
        say(&format!("scan {name} {values} {document_keys} {master_keys}"));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).expect("the parent answers");
        assert_eq!(answer, "go\n", "the parent has gone");
    }
}

/// One message. It begins on a line of its own because the test program also writes there.
fn say(message: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n@{message}").and_then(|()| out.flush()).expect("the parent reads");
}

/// The parent's side: every window of every canary.
pub(super) struct Needles {
    seed: u64,
    windows: HashMap<[u8; WINDOW], Window>,
    /// Whether a window begins with these bytes, so that most of memory costs one look.
    beginnings: Vec<u64>,
    canaries: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) class: Class,
    pub(super) canary: u64,
    pub(super) offset: usize,
}

impl Needles {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, windows: HashMap::new(), beginnings: vec![0; (1 << 24) / 64], canaries: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.canaries
    }

    pub(super) fn add_value(&mut self, index: u64, bytes: usize) {
        let value: Vec<u8> = (0..bytes).map(|position| text_byte_of(self.seed, index, position)).collect();
        self.add(Class::Value, index, &value);
    }

    pub(super) fn add_key(&mut self, class: Class, index: u64, masked: &str) {
        let digits = masked.as_bytes().chunks(2).map(|digits| std::str::from_utf8(digits).expect("hex"));
        let masked = digits.map(|digits| u8::from_str_radix(digits, 16).expect("hex"));
        let key: Vec<u8> =
            masked.enumerate().map(|(position, byte)| byte ^ byte_of(self.seed, index, position)).collect();
        match <&[u8; 32]>::try_from(&key[..]) {
            Ok(key) => self.add(class, index, &round_keys::expand(key)),
            Err(_) => self.add(class, index, &key),
        }
    }

    fn add(&mut self, class: Class, canary: u64, bytes: &[u8]) {
        assert!(bytes.len() >= WINDOW, "a canary shorter than a window is never found");
        self.canaries += 1;
        for (offset, window) in bytes.windows(WINDOW).enumerate() {
            let window: [u8; WINDOW] = window.try_into().expect("the size of a window");
            let (word, bit) = beginning(&window);
            self.beginnings[word] |= 1 << bit;
            self.windows.insert(window, Window { class, canary, offset });
        }
    }

    /// The window that begins here, if it is one.
    #[inline]
    pub(super) fn at(&self, bytes: &[u8]) -> Option<Window> {
        let (word, bit) = beginning(bytes);
        if self.beginnings[word] & (1 << bit) == 0 {
            return None;
        }
        self.windows.get(bytes).copied()
    }
}

#[inline]
fn beginning(bytes: &[u8]) -> (usize, u32) {
    let three = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
    (three / 64, (three % 64) as u32)
}
