//! Units of quantities: powers of base units, and a size in them. Which words name a unit stands in `vocabulary`.

/// Number of base units.
const NUM_BASES: usize = 11;

/// A base unit. Temperatures on different scales do not convert, nor do currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    Metre,
    Kilogram,
    Second,
    Ampere,
    Kelvin,
    Celsius,
    Fahrenheit,
    Mole,
    Byte,
    /// "unit", a length that is not said.
    Unnamed,
    Money,
}

/// A currency; 1 of it is its largest common unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Currency {
    Dollar,
    Euro,
    Pound,
    Yuan,
    Yen,
    Rupee,
    Rouble,
    Won,
    Peso,
    Franc,
    Krone,
    Mark,
    Real,
    Rand,
    Lira,
    Zloty,
    Shekel,
}

/// A unit of measurement: `scale` times a product of powers of the base units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    powers: [i8; NUM_BASES],
    pub(crate) scale: f64,
    currency: Option<Currency>,
}

impl Unit {
    /// A number that is no quantity of anything, such as a radian.
    pub(crate) const NONE: Self = Self { powers: [0; NUM_BASES], scale: 1.0, currency: None };

    /// `scale` times a power of a base unit.
    pub(crate) const fn new(base: Base, power: i8, scale: f64) -> Self {
        let mut powers = [0; NUM_BASES];
        powers[base as usize] = power;
        Self { powers, scale, currency: None }
    }

    pub(crate) const fn money(currency: Currency, scale: f64) -> Self {
        Self { currency: Some(currency), ..Self::new(Base::Money, 1, scale) }
    }

    /// `scale` times a unit.
    pub(crate) const fn times(self, scale: f64) -> Self {
        Self { scale: self.scale * scale, ..self }
    }

    /// The product of two units.
    pub(crate) fn mul(self, other: Self) -> Self {
        let powers = std::array::from_fn(|base| self.powers[base].saturating_add(other.powers[base]));
        Self { powers, scale: self.scale * other.scale, currency: self.currency.or(other.currency) }
    }

    /// The unit to a power.
    pub(crate) fn pow(self, power: i8) -> Self {
        let powers = self.powers.map(|base| base.saturating_mul(power));
        Self { powers, scale: self.scale.powi(i32::from(power)), ..self }
    }

    /// True for money.
    pub(crate) fn is_currency(self) -> bool {
        self.currency.is_some()
    }

    /// True where one unit converts to the other. A unit without a name is of any length, in the same power.
    pub(crate) fn agrees(self, other: Self) -> bool {
        (self.powers == other.powers && self.currency == other.currency) || self.is_any(other) || other.is_any(self)
    }

    /// Size of this unit in the other, with which it agrees.
    pub(crate) fn ratio(self, other: Self) -> f64 {
        let ratio = self.scale / other.scale;
        let is_same = self.is_any(other) || other.is_any(self) || (ratio - 1.0).abs() < 1e-12;
        if is_same { 1.0 } else { ratio }
    }

    /// True where this is a power of the unit without a name, and the other the same power of a length.
    fn is_any(self, other: Self) -> bool {
        let power = self.powers[Base::Unnamed as usize];
        power != 0 && Self::new(Base::Metre, power, 1.0).powers == other.powers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_convert_within_their_dimension() {
        let metre = Unit::new(Base::Metre, 1, 1.0);
        let centimetre = metre.times(0.01);
        assert!(metre.agrees(centimetre) && !metre.agrees(centimetre.pow(2)));
        assert!((metre.pow(2).ratio(centimetre.pow(2)) - 10_000.0).abs() < 1e-6);
        let second = Unit::new(Base::Second, 1, 1.0);
        assert_eq!(metre.mul(second.pow(-1)).mul(second), metre);
        assert!(!Unit::money(Currency::Dollar, 1.0).agrees(Unit::money(Currency::Euro, 1.0)));
    }

    #[test]
    fn a_unit_without_a_name_is_any_length() {
        let unit = Unit::new(Base::Unnamed, 2, 1.0);
        let area = Unit::new(Base::Metre, 2, 1e-4);
        assert!(unit.agrees(area) && area.agrees(unit) && !unit.agrees(Unit::new(Base::Metre, 1, 1.0)));
        assert_eq!(unit.ratio(area).to_bits(), 1.0_f64.to_bits());
        assert!(!unit.agrees(Unit::new(Base::Kilogram, 2, 1.0)));
    }
}
