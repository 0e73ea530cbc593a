//! Which numbers were seen.

const WORDS: usize = 16;

/// A sliding window over the last [`Window::NUMBERS`] numbers up to the highest one seen (as in RFC 4303, section 3.4.3): each number is
/// admitted once, in any order within it; what is older is refused.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// One above the highest number seen; 0 before the first.
    end: u64,
    /// A bit for each number, at its remainder.
    seen: [u64; WORDS],
}

impl Window {
    pub(super) const NUMBERS: u64 = 64 * WORDS as u64;

    /// Whether [`Window::admit`] would admit it.
    pub(super) fn would_admit(&self, number: u64) -> bool {
        if number >= self.end {
            return true;
        }
        let (word, bit) = place(number);
        self.end - number <= Self::NUMBERS && self.seen[word] & bit == 0
    }

    /// Notes a number as seen; answers whether it was new. Only what was authenticated may come here.
    pub(super) fn admit(&mut self, number: u64) -> bool {
        if !self.would_admit(number) {
            return false;
        }
        if number >= self.end {
            self.slide_to(number);
        }
        let (word, bit) = place(number);
        self.seen[word] |= bit;
        true
    }

    pub(super) fn has_seen_any(&self) -> bool {
        self.end > 0
    }

    /// Forgets what leaves the window, whose bits the numbers up to this one take over.
    fn slide_to(&mut self, number: u64) {
        if number - self.end >= Self::NUMBERS {
            self.seen = [0; WORDS];
        } else {
            for entering in self.end..=number {
                let (word, bit) = place(entering);
                self.seen[word] &= !bit;
            }
        }
        self.end = number.saturating_add(1);
    }
}

fn place(number: u64) -> (usize, u64) {
    let at = number % Window::NUMBERS;
    (usize::try_from(at / 64).expect("a word of the window"), 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn admits_each_number_once_and_none_older_than_itself() {
        let mut window = Window::default();
        assert!(window.admit(5) && !window.admit(5) && window.admit(3) && !window.admit(3) && window.admit(0));
        assert!(window.admit(5 + Window::NUMBERS - 1), "the lowest one left is 5");
        assert!(!window.admit(4), "never seen, but too old to tell");
        assert!(!window.admit(5) && window.admit(6));
        assert!(window.admit(10 * Window::NUMBERS) && !window.admit(6 + Window::NUMBERS));
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((any::<bool>(), 0..3000_u64), 1..200)) {
            let (mut window, mut seen, mut highest) = (Window::default(), HashSet::new(), None);
            for (jump, offset) in steps {
                let base = highest.unwrap_or(0_u64);
                let number = if jump { base + offset } else { base.saturating_sub(offset) };
                let recent = highest.is_none_or(|highest| highest < Window::NUMBERS + number);
                let expected = recent && !seen.contains(&number);
                prop_assert_eq!(window.would_admit(number), expected);
                prop_assert_eq!(window.admit(number), expected);
                seen.insert(number);
                highest = Some(base.max(number));
            }
        }
    }
}
