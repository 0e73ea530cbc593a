//! The key expansion of AES-256 (FIPS 197, section 5.2): a schedule left behind is the key left behind.

const BYTES: usize = 15 * 16;

/// All round keys, of which the first two are the key.
pub(super) fn expand(key: &[u8; 32]) -> [u8; BYTES] {
    let sbox = sbox();
    let mut expanded = [0; BYTES];
    expanded[..32].copy_from_slice(key);
    let mut constant = 1;
    for at in (32..BYTES).step_by(4) {
        let mut word: [u8; 4] = expanded[at - 4..at].try_into().expect("four bytes");
        if at % 32 == 0 {
            word.rotate_left(1);
        }
        if at % 16 == 0 {
            word = word.map(|byte| sbox[usize::from(byte)]);
        }
        if at % 32 == 0 {
            word[0] ^= constant;
            constant = double(constant);
        }
        for (position, byte) in word.into_iter().enumerate() {
            expanded[at + position] = expanded[at + position - 32] ^ byte;
        }
    }
    expanded
}

fn double(x: u8) -> u8 {
    (x << 1) ^ if x & 0x80 == 0 { 0 } else { 0x1b }
}

/// Section 5.1.1: the multiplicative inverse, then an affine map. Powers of 3 run through all inverses.
fn sbox() -> [u8; 256] {
    let mut sbox = [0x63; 256];
    let (mut power, mut inverse) = (1_u8, 1_u8);
    loop {
        let rotations = (1..5).fold(inverse, |sum, by| sum ^ inverse.rotate_left(by));
        sbox[usize::from(power)] = rotations ^ 0x63;
        power ^= double(power);
        // Division by 3 is multiplication by 0xf6.
        inverse = (0..8)
            .filter(|bit| 0xf6 & (1 << bit) != 0)
            .fold(0, |product, bit| product ^ (0..bit).fold(inverse, |doubled, _| double(doubled)));
        if power == 1 {
            return sbox;
        }
    }
}

#[cfg(test)]
mod tests {
    /// FIPS 197, appendix A.3.
    #[test]
    fn the_expansion_of_the_standard() {
        let key: [u8; 32] = [
            0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81, 0x1f, 0x35,
            0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
        ];
        let expanded = super::expand(&key);
        assert_eq!(expanded[..32], key);
        assert_eq!(expanded[32..36], [0x9b, 0xa3, 0x54, 0x11]);
        assert_eq!(expanded[236..], [0x70, 0x6c, 0x63, 0x1e]);
    }
}
