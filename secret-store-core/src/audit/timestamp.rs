//! Times of entries: milliseconds, and the one text form that sorts like them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in whole milliseconds since 1970-01-01T00:00:00Z, up to the year 9999.
///
/// Its `Display` is RFC 3339 in UTC with three digits of a second (`2026-01-02T03:04:05.678Z`): 24 characters that sort like
/// the moments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

const MILLIS_A_DAY: u64 = 86_400_000;

impl Timestamp {
    /// The last moment that has four digits for its year.
    pub const MAX: Self = Self(253_402_300_799_999);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Milliseconds since 1970-01-01T00:00:00Z; `None` after [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis <= Self::MAX.0 { Some(Self(millis)) } else { None }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// Rounded down to the millisecond; a clock before 1970 or after 9999 gives the nearest moment there is.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        u64::try_from(millis).ok().and_then(Self::from_millis).unwrap_or(Self::MAX)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0 / MILLIS_A_DAY);
        let millis = self.0 % MILLIS_A_DAY;
        let (seconds, millis) = (millis / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Year, month and day in the Gregorian calendar of a day since 1970-01-01. Counts in years that begin in March, so that the
/// leap day is the last, and in their cycle of 400.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (cycle, of_cycle) = (day / 146_097, day % 146_097);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year + cycle * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_the_text_of_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).expect("in range").to_string(), text);
        }
        assert!(Timestamp::from_millis(Timestamp::MAX.0 + 1).is_none());
    }

    /// Day by day over more than one cycle of 400 years, against a calendar that counts.
    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        let mut last = String::new();
        for number in 0..160_000 {
            assert_eq!(civil(number), (year, month, day));
            let text = Timestamp(number * MILLIS_A_DAY).to_string();
            assert!(text > last && text.len() == 24, "{text} does not sort after {last}");
            last = text;
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            day += 1;
            if day > days[usize::try_from(month - 1).expect("small")] {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn clocks_out_of_range_give_the_nearest_moment() {
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)), Timestamp::EPOCH);
        assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_secs(400_000_000_000)), Timestamp::MAX);
        let time = UNIX_EPOCH + Duration::from_micros(1_999);
        assert_eq!(Timestamp::from(time).as_millis(), 1);
        assert_eq!(SystemTime::from(Timestamp(1)), UNIX_EPOCH + Duration::from_millis(1));
    }
}
