//! Chance and identity from the seed: the same (seed, domain, index) gives the same draws and the same ids, on any
//! machine and in any order of asking.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// What a stream or an id is for; two domains never share draws.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Domain {
    Block = 1,
    Booking = 2,
    Taken = 3,
    Home = 4,
    Person = 5,
    Pregnancy = 6,
    Slot = 7,
    Resource = 8,
    Appointment = 9,
}

/// A source of draws. Uses only the generator's 64-bit words, so that its output does not hang on a library's
/// sampling algorithms.
pub struct Stream(ChaCha8Rng);

impl Stream {
    pub fn new(seed: u64, domain: Domain, index: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(domain as u64).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.unit() * ((high - low + 1).max(1)) as f64) as i64
    }

    /// Uniform in `0..n`; 0 for an empty range.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// The index of one of the weights.
    pub fn weighted(&mut self, weights: impl IntoIterator<Item = f64> + Clone) -> usize {
        let total: f64 = weights.clone().into_iter().sum();
        let mut left = self.unit() * total;
        let mut last = 0;
        for (index, weight) in weights.into_iter().enumerate() {
            last = index;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// Roughly normal: the sum of twelve uniforms, so never more than six standard deviations away.
    pub fn normal(&mut self, mean: f64, sd: f64) -> f64 {
        let mut sum = 0.0;
        for _ in 0..6 {
            let word = self.word();
            sum += (word >> 32) as f64 + (word & 0xffff_ffff) as f64;
        }
        mean + sd * (sum / 4_294_967_296.0 - 6.0)
    }

    /// Poisson by multiplication; for small means.
    pub fn count(&mut self, mean: f64) -> usize {
        let limit = (-mean).exp();
        let (mut n, mut product) = (0, self.unit());
        while product > limit && n < 60 {
            n += 1;
            product *= self.unit();
        }
        n
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A hash of up to two numbers, for choices that must be found again without a stream.
pub fn hash(seed: u64, domain: Domain, a: u64, b: u64) -> u64 {
    mix(mix(mix(mix(seed) ^ domain as u64) ^ a) ^ b.wrapping_mul(0xd6e8_feb8_6659_fd93))
}

/// A hash read as a number in [0, 1).
pub fn hash_unit(seed: u64, domain: Domain, a: u64, b: u64) -> f64 {
    (hash(seed, domain, a, b) >> 11) as f64 / (1_u64 << 53) as f64
}

/// An id: version 8 UUID from the seed, the domain and two numbers.
pub fn id(seed: u64, domain: Domain, a: u64, b: u64) -> String {
    let high = hash(seed, domain, a, b);
    let low = hash(seed ^ 0x5851_f42d_4c95_7f2d, domain, a, b ^ high);
    let mut bytes = [0_u8; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// An id that does not hang on the seed: a version 8 UUID that spells what it is for.
pub fn fixed_id(kind: u32, n: u64) -> String {
    format!("{kind:08x}-0000-8000-8000-{n:012x}")
}
