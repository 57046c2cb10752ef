//! Exact rationals of 128-bit integers, in lowest terms, with a positive denominator. An operation that would overflow
//! yields `None`: the caller then decides by other means and never by a wrapped number.

/// `num / den`, reduced, `den > 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rational {
    pub(crate) num: i128,
    pub(crate) den: i128,
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        // A 128-bit division costs ten times a 64-bit one.
        if let (Ok(x), Ok(y)) = (u64::try_from(a), u64::try_from(b)) {
            let (mut x, mut y) = (x, y);
            while y != 0 {
                (x, y) = (y, x % y);
            }
            return u128::from(x);
        }
        (a, b) = (b, a % b);
    }
    a
}

impl Rational {
    pub(crate) const ZERO: Self = Self { num: 0, den: 1 };
    pub(crate) const ONE: Self = Self { num: 1, den: 1 };

    pub(crate) fn integer(num: i128) -> Self {
        Self { num, den: 1 }
    }

    pub(crate) fn new(num: i128, den: i128) -> Option<Self> {
        if den == 0 || num == i128::MIN || den == i128::MIN {
            return None;
        }
        let divisor = gcd(num.unsigned_abs(), den.unsigned_abs()) as i128;
        let sign = den.signum();
        Some(Self { num: num / divisor * sign, den: den / divisor * sign })
    }

    pub(crate) fn is_integer(self) -> bool {
        self.den == 1
    }

    pub(crate) fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    pub(crate) fn neg(self) -> Self {
        Self { num: -self.num, den: self.den }
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        if self.den == 1 && other.den == 1 {
            return Some(Self::integer(self.num.checked_add(other.num).filter(|n| *n != i128::MIN)?));
        }
        let num = self.num.checked_mul(other.den)?.checked_add(other.num.checked_mul(self.den)?)?;
        Self::new(num, self.den.checked_mul(other.den)?)
    }

    pub(crate) fn sub(self, other: Self) -> Option<Self> {
        self.add(other.neg())
    }

    pub(crate) fn mul(self, other: Self) -> Option<Self> {
        Self::new(self.num.checked_mul(other.num)?, self.den.checked_mul(other.den)?)
    }

    pub(crate) fn div(self, other: Self) -> Option<Self> {
        Self::new(self.num.checked_mul(other.den)?, self.den.checked_mul(other.num)?)
    }

    /// An integer power; at most 127 multiplications before it overflows unless the base is 0 or ±1.
    pub(crate) fn pow(self, exponent: i128) -> Option<Self> {
        if exponent == 0 {
            return (self.num != 0).then_some(Self::ONE);
        }
        if self.num == 0 {
            return (exponent > 0).then_some(Self::ZERO);
        }
        if self.den == 1 && self.num.abs() == 1 {
            return Some(if exponent % 2 == 0 { Self::ONE } else { self });
        }
        let base = if exponent < 0 { Self::ONE.div(self)? } else { self };
        let count = u32::try_from(exponent.unsigned_abs()).ok().filter(|count| *count < 128)?;
        Some(Self { num: base.num.checked_pow(count)?, den: base.den.checked_pow(count)? })
            .filter(|r| r.num != i128::MIN)
    }

    /// The exact `degree`-th root, where there is one.
    pub(crate) fn root(self, degree: i128) -> Option<Self> {
        let degree = u32::try_from(degree).ok().filter(|degree| (1..128).contains(degree))?;
        if self.num < 0 && degree % 2 == 0 {
            return None;
        }
        let num = integer_root(self.num.unsigned_abs(), degree)?;
        let den = integer_root(self.den.unsigned_abs(), degree)?;
        Some(Self { num: num * self.num.signum(), den })
    }

    pub(crate) fn floor(self) -> Self {
        Self::integer(self.num.div_euclid(self.den))
    }
}

fn integer_root(n: u128, degree: u32) -> Option<i128> {
    if n < 2 {
        return Some(n as i128);
    }
    let guess = (n as f64).powf(1.0 / f64::from(degree)).round() as u128;
    (guess.saturating_sub(1)..=guess + 1)
        .find(|root| root.checked_pow(degree) == Some(n))
        .and_then(|root| i128::try_from(root).ok())
}
