//! Units of measurement and money, by name and by symbol: the SI with its prefixes, other units, and currencies.

use crate::unit::{Base, Currency, Unit};

const METRE: Unit = Unit::new(Base::Metre, 1, 1.0);
const AREA: Unit = Unit::new(Base::Metre, 2, 1.0);
const LITRE: Unit = Unit::new(Base::Metre, 3, 1e-3);
const GRAM: Unit = Unit::new(Base::Kilogram, 1, 1e-3);
const SECOND: Unit = Unit::new(Base::Second, 1, 1.0);
const BYTE: Unit = Unit::new(Base::Byte, 1, 1.0);

/// `(name, symbol, scale)`. No centi- or deci- stands before a name that has never been written with one.
const PREFIXES: [(&str, &str, f64); 10] = [
    ("", "", 1.0),
    ("kilo", "k", 1e3),
    ("mega", "M", 1e6),
    ("giga", "G", 1e9),
    ("tera", "T", 1e12),
    ("milli", "m", 1e-3),
    ("micro", "μ", 1e-6),
    ("nano", "n", 1e-9),
    ("centi", "c", 1e-2),
    ("deci", "d", 1e-1),
];

/// A force, an energy or another product of base units, by its powers of metre, kilogram, second and ampere.
fn derived(metre: i8, kilogram: i8, second: i8, ampere: i8) -> Unit {
    METRE
        .pow(metre)
        .mul(GRAM.times(1e3).pow(kilogram))
        .mul(SECOND.pow(second))
        .mul(Unit::new(Base::Ampere, 1, 1.0).pow(ampere))
}

/// `(names, symbols, unit)` of units that take the prefixes of the SI.
fn prefixed() -> Vec<(&'static str, &'static str, Unit)> {
    vec![
        ("meter metre", "m", METRE),
        ("gram gramme", "g", GRAM),
        ("second", "s", SECOND),
        ("liter litre", "L l", LITRE),
        ("newton", "N", derived(1, 1, -2, 0)),
        ("joule", "J", derived(2, 1, -2, 0)),
        ("watt", "W", derived(2, 1, -3, 0)),
        ("pascal", "Pa", derived(-1, 1, -2, 0)),
        ("hertz", "Hz", SECOND.pow(-1)),
        ("volt", "V", derived(2, 1, -3, -1)),
        ("ohm", "Ω", derived(2, 1, -3, -2)),
        ("tesla", "", derived(0, 1, -2, -1)),
        ("farad", "", derived(-2, -1, 4, 2)),
        ("coulomb", "", derived(0, 0, 1, 1)),
        ("ampere amp", "", derived(0, 0, 0, 1)),
        ("kelvin", "K", Unit::new(Base::Kelvin, 1, 1.0)),
        ("mole", "mol", Unit::new(Base::Mole, 1, 1.0)),
        ("electronvolt", "eV", derived(2, 1, -2, 0).times(1.602_176_634e-19)),
        ("byte", "B", BYTE),
        ("bit", "bit", BYTE.times(0.125)),
    ]
}

/// `(names, symbols, unit)` of the others.
fn others() -> Vec<(&'static str, &'static str, Unit)> {
    let (inch, foot, mile) = (METRE.times(0.0254), METRE.times(0.3048), METRE.times(1609.344));
    let pound = GRAM.times(453.592_37);
    let (minute, hour, day) = (SECOND.times(60.0), SECOND.times(3600.0), SECOND.times(86_400.0));
    let year = day.times(365.0);
    let gallon = LITRE.times(3.785_411_784);
    vec![
        ("inch", "in", inch),
        ("foot feet", "ft", foot),
        ("yard", "yd yds", METRE.times(0.9144)),
        ("mile", "mi", mile),
        ("lightyear", "ly", METRE.times(9.460_730_472_580_8e15)),
        ("angstrom ångström", "Å", METRE.times(1e-10)),
        ("parsec", "pc", METRE.times(3.085_677_581_491_367e16)),
        ("", "AU", METRE.times(1.495_978_707e11)),
        ("ounce", "oz", pound.times(1.0 / 16.0)),
        ("pound", "lb lbs", pound),
        ("tonne", "", GRAM.times(1e6)),
        ("ton", "", pound.times(2000.0)),
        ("minute", "min mins", minute),
        ("hour", "h hr hrs", hour),
        ("day", "", day),
        ("week", "wk wks", day.times(7.0)),
        ("fortnight", "", day.times(14.0)),
        // A month is a twelfth of a year, and a year no number of weeks.
        ("month", "", year.times(1.0 / 12.0)),
        ("year", "yr yrs", year),
        ("decade", "", year.times(10.0)),
        ("century", "", year.times(100.0)),
        ("acre", "", AREA.times(4_046.856_422_4)),
        ("hectare", "ha", AREA.times(1e4)),
        ("gallon", "gal", gallon),
        ("quart", "qt qts", gallon.times(0.25)),
        ("pint", "pt pts", gallon.times(0.125)),
        ("teaspoon", "tsp", gallon.times(1.0 / 768.0)),
        ("tablespoon", "tbsp", gallon.times(1.0 / 256.0)),
        ("", "cc", LITRE.times(1e-3)),
        ("", "mph", mile.mul(hour.pow(-1))),
        ("", "kph kmh", METRE.times(1e3).mul(hour.pow(-1))),
        ("", "fps", foot.mul(SECOND.pow(-1))),
        ("", "rpm", minute.pow(-1)),
        ("", "sec secs", SECOND),
        ("", "sqft", foot.pow(2)),
        ("knot", "", METRE.times(1852.0).mul(hour.pow(-1))),
        ("", "kWh kwh", derived(2, 1, -2, 0).times(3.6e6)),
        ("calorie", "cal", derived(2, 1, -2, 0).times(4.184)),
        ("kilocalorie", "kcal", derived(2, 1, -2, 0).times(4184.0)),
        ("erg", "", derived(2, 1, -2, 0).times(1e-7)),
        ("dyne", "dyn", derived(1, 1, -2, 0).times(1e-5)),
        ("atmosphere", "atm", derived(-1, 1, -2, 0).times(101_325.0)),
        ("celsius centigrade", "℃", Unit::new(Base::Celsius, 1, 1.0)),
        ("fahrenheit", "℉", Unit::new(Base::Fahrenheit, 1, 1.0)),
        ("radian", "rad rads", Unit::NONE),
        ("unit", "", Unit::new(Base::Unnamed, 1, 1.0)),
    ]
}

/// `(names of 1, names of a hundredth, symbols, currency)`.
const CURRENCIES: [(&str, &str, &str, Currency); 17] = [
    ("dollar", "cent", "USD", Currency::Dollar),
    ("euro", "eurocent", "EUR €", Currency::Euro),
    ("quid", "pence", "GBP £", Currency::Pound),
    ("yuan renminbi", "", "RMB CNY ¥ ￥", Currency::Yuan),
    ("yen", "", "JPY", Currency::Yen),
    ("rupee", "paisa paise", "INR Rs ₹", Currency::Rupee),
    ("rouble ruble", "kopeck", "RUB ₽", Currency::Rouble),
    ("won", "", "KRW ₩", Currency::Won),
    ("peso", "centavo", "MXN ₱", Currency::Peso),
    ("franc", "", "CHF", Currency::Franc),
    ("krone kronor kroner", "", "SEK NOK DKK", Currency::Krone),
    ("deutschmark", "pfennig pfennigs", "", Currency::Mark),
    ("reais", "", "BRL", Currency::Real),
    ("rand", "", "ZAR", Currency::Rand),
    ("lira", "", "TRY ₺", Currency::Lira),
    ("zloty", "", "PLN", Currency::Zloty),
    ("shekel", "", "ILS ₪", Currency::Shekel),
];

/// Units by name, in lower case and the singular.
pub(super) fn names() -> impl Iterator<Item = (String, Unit)> {
    let si = prefixed().into_iter().flat_map(|(names, _, unit)| {
        PREFIXES.iter().flat_map(move |(prefix, _, scale)| {
            names.split_ascii_whitespace().map(move |name| (format!("{prefix}{name}"), unit.times(*scale)))
        })
    });
    let others = others()
        .into_iter()
        .flat_map(|(names, _, unit)| names.split_ascii_whitespace().map(move |name| (name.to_owned(), unit)));
    let money = CURRENCIES.iter().flat_map(|(names, hundredths, _, currency)| {
        let of = |names: &'static str, scale| {
            names.split_ascii_whitespace().map(move |name| (name.to_owned(), Unit::money(*currency, scale)))
        };
        of(names, 1.0).chain(of(hundredths, 0.01))
    });
    si.chain(others).chain(money)
}

/// Units by symbol.
pub(super) fn symbols() -> impl Iterator<Item = (String, Unit)> {
    let si = prefixed().into_iter().flat_map(|(_, symbols, unit)| {
        PREFIXES.iter().flat_map(move |(_, prefix, scale)| {
            symbols.split_ascii_whitespace().map(move |symbol| (format!("{prefix}{symbol}"), unit.times(*scale)))
        })
    });
    let others = others()
        .into_iter()
        .flat_map(|(_, symbols, unit)| symbols.split_ascii_whitespace().map(move |symbol| (symbol.to_owned(), unit)));
    let money = CURRENCIES.iter().flat_map(|(_, _, symbols, currency)| {
        symbols.split_ascii_whitespace().map(|symbol| (symbol.to_owned(), Unit::money(*currency, 1.0)))
    });
    let dollar_sign = [("$".to_owned(), Unit::money(Currency::Dollar, 1.0))];
    si.chain(others).chain(money).chain(dollar_sign)
}
