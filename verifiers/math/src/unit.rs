//! Units of quantities: their dimension and size in base units. Words that are no known unit are annotations and are
//! set aside.

/// A unit of measurement: `scale` times the base unit of its dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    pub(crate) dimension: &'static str,
    pub(crate) scale: f64,
}

impl Unit {
    /// True for money.
    pub(crate) fn is_currency(self) -> bool {
        matches!(self.dimension, "dollars" | "euros" | "yuan")
    }
}

/// `(names, dimension, scale)`; names as written in lower case, several separated by spaces.
const UNITS: &[(&str, &str, f64)] = &[
    ("mm millimeter millimeters millimetre millimetres", "length", 1e-3),
    ("cm centimeter centimeters centimetre centimetres", "length", 1e-2),
    ("dm decimeter decimeters", "length", 0.1),
    ("m meter meters metre metres", "length", 1.0),
    ("km kilometer kilometers kilometre kilometres", "length", 1e3),
    ("in inch inches", "length", 0.0254),
    ("ft foot feet", "length", 0.3048),
    ("yd yard yards", "length", 0.9144),
    ("mile miles", "length", 1609.344),
    ("mg milligram milligrams", "mass", 1e-6),
    ("g gram grams", "mass", 1e-3),
    ("kg kilogram kilograms", "mass", 1.0),
    ("ms millisecond milliseconds", "time", 1e-3),
    ("s sec second seconds", "time", 1.0),
    ("min minute minutes", "time", 60.0),
    ("h hr hrs hour hours", "time", 3600.0),
    ("day days", "time", 86400.0),
    ("week weeks", "time", 604800.0),
    ("ml milliliter milliliters", "volume", 1e-3),
    ("l liter liters litre litres", "volume", 1.0),
    ("km/h kph", "speed", 1e3 / 3600.0),
    ("m/s", "speed", 1.0),
    ("mph", "speed", 0.44704),
    ("dollar dollars usd", "dollars", 1.0),
    ("cent cents", "dollars", 0.01),
    ("euro euros eur", "euros", 1.0),
    ("yuan rmb", "yuan", 1.0),
];

/// Looks a unit up by one of its names, in either case.
pub(crate) fn find(text: &str) -> Option<Unit> {
    if text.len() > 12 {
        return None;
    }
    UNITS.iter().find_map(|(names, dimension, scale)| {
        names.split(' ').any(|name| name.eq_ignore_ascii_case(text)).then_some(Unit { dimension, scale: *scale })
    })
}
