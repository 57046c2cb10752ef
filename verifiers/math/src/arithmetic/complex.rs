//! Complex floating point with a running bound of its absolute error, for expressions that no field can hold: roots,
//! exponentials, logarithms, trigonometry. Every operation widens the bound by the error that it may have added.

/// `re + im i`, within `error` of the true value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Complex {
    pub(crate) re: f64,
    pub(crate) im: f64,
    pub(crate) error: f64,
}

/// Relative error that a rounding may add.
const ULP: f64 = 4.0 * f64::EPSILON;

impl Complex {
    pub(crate) fn exact(re: f64) -> Self {
        Self { re, im: 0.0, error: 0.0 }
    }

    pub(crate) fn rounded(re: f64, im: f64, error: f64) -> Self {
        let size = re.abs() + im.abs();
        Self { re, im, error: error + size * ULP + f64::MIN_POSITIVE }
    }

    pub(crate) fn size(self) -> f64 {
        self.re.hypot(self.im)
    }

    pub(crate) fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite() && self.error.is_finite()
    }

    pub(crate) fn is_real(self) -> bool {
        self.im.abs() <= self.error * 4.0 + 1e-13 * self.re.abs()
    }

    pub(crate) fn neg(self) -> Self {
        Self { re: -self.re, im: -self.im, error: self.error }
    }

    pub(crate) fn add(self, other: Self) -> Self {
        Self::rounded(self.re + other.re, self.im + other.im, self.error + other.error)
    }

    pub(crate) fn mul(self, other: Self) -> Self {
        let error = self.size() * other.error + other.size() * self.error + self.error * other.error;
        let spread = self.size() * other.size() * ULP;
        Self::rounded(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re, error + spread)
    }

    pub(crate) fn div(self, other: Self) -> Option<Self> {
        let size = other.size();
        // The quotient is not bounded where its divisor may be 0.
        if size <= other.error * 2.0 || size == 0.0 {
            return None;
        }
        let (c, d) = (other.re / size, other.im / size);
        let (re, im) = ((self.re * c + self.im * d) / size, (self.im * c - self.re * d) / size);
        let error = (self.error + self.size() / size * other.error) / (size - other.error);
        Some(Self::rounded(re, im, error + self.size() / size * ULP))
    }

    pub(crate) fn exp(self) -> Self {
        let size = self.re.exp();
        Self::rounded(size * self.im.cos(), size * self.im.sin(), size * (self.error * 1.1 + self.size() * ULP))
    }

    pub(crate) fn ln(self) -> Option<Self> {
        let size = self.size();
        if size <= self.error * 2.0 || size == 0.0 {
            return None;
        }
        let im = if self.im == 0.0 && self.re > 0.0 { 0.0 } else { self.im.atan2(self.re) };
        Some(Self::rounded(size.ln(), im, self.error / (size - self.error) + ULP))
    }

    pub(crate) fn pow(self, exponent: Self) -> Option<Self> {
        if self.re == 0.0 && self.im == 0.0 {
            return (exponent.re > 0.0 && self.error == 0.0).then_some(Self::exact(0.0));
        }
        if exponent.im == 0.0 && exponent.error == 0.0 && exponent.re.fract() == 0.0 && exponent.re.abs() <= 64.0 {
            let mut result = Self::exact(1.0);
            for _ in 0..exponent.re.abs() as u32 {
                result = result.mul(self);
            }
            return if exponent.re < 0.0 { Self::exact(1.0).div(result) } else { Some(result) };
        }
        if self.im == 0.0 && self.re > 0.0 && exponent.im == 0.0 {
            let value = self.re.powf(exponent.re);
            let error = value * (exponent.re.abs() * self.error / self.re + self.re.ln().abs() * exponent.error) * 1.1;
            return Some(Self::rounded(value, 0.0, error + value * ULP));
        }
        Some(self.ln()?.mul(exponent).exp())
    }

    /// The principal root, but the real one of a negative number where `degree` is odd.
    pub(crate) fn root(self, degree: f64) -> Option<Self> {
        if self.re == 0.0 && self.im == 0.0 && self.error == 0.0 {
            return (degree > 0.0).then_some(self);
        }
        if degree == 2.0 && self.im == 0.0 && self.re > 0.0 {
            let root = self.re.sqrt();
            return Some(Self::rounded(root, 0.0, self.error / root));
        }
        if self.im == 0.0 && self.re < 0.0 && degree % 2.0 == 1.0 {
            return Some(self.neg().root(degree)?.neg());
        }
        self.pow(Self::rounded(1.0 / degree, 0.0, 0.0))
    }

    /// A function of a real argument, with its slope there; `None` off the real line.
    pub(crate) fn real(self, function: impl Fn(f64) -> f64, slope: impl Fn(f64) -> f64) -> Option<Self> {
        if !self.is_real() {
            return None;
        }
        let value = function(self.re);
        Some(Self::rounded(value, 0.0, self.error * (slope(self.re).abs() + 1.0) * 1.1))
    }

    /// True where the two may be the same number; `None` where the bounds are too wide to tell.
    pub(crate) fn agrees(self, other: Self) -> Option<bool> {
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        let size = self.size().max(other.size());
        let distance = (self.re - other.re).hypot(self.im - other.im);
        let error = 4.0 * (self.error + other.error) + 1e-12 * size;
        if distance > error {
            return Some(false);
        }
        // A bound that is wide beside the numbers leaves no digits to compare, unless both cancelled to 0.
        if error > 1e-7 * size && error > 1e-9 { None } else { Some(true) }
    }
}

/// The gamma function (Lanczos, g = 7), good to about 1e-13.
pub(crate) fn gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return std::f64::consts::PI / ((std::f64::consts::PI * x).sin() * gamma(1.0 - x));
    }
    let x = x - 1.0;
    let t = x + 7.5;
    let series = C[1..].iter().enumerate().fold(C[0], |sum, (k, c)| sum + c / (x + k as f64 + 1.0));
    (2.0 * std::f64::consts::PI).sqrt() * t.powf(x + 0.5) * (-t).exp() * series
}
