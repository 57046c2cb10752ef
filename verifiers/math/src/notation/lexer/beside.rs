//! What stands beside a value and is no part of it, and waits for what must follow. Where something else follows, the
//! answer is not read.

use crate::unit::Unit;

/// The words that wait for what must follow them.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// A label stands before the value: a colon or a relation must follow.
    pub(super) is_label: bool,
    /// A unit or a noun stands behind the value: no operand may follow.
    pub(super) is_closed: bool,
    /// "of" was read: a noun must follow.
    pub(super) awaits_noun: bool,
    /// "per" was read: a unit or noun must follow, in the divisor.
    pub(super) is_per: bool,
    /// "square" was read: a unit must follow.
    pub(super) unit_power: Option<i8>,
    /// A number follows a unit, as in 5 ft 3: a smaller unit must follow.
    pub(super) is_compound: bool,
    /// A sign of currency, before or behind its number.
    pub(super) currency: Option<Unit>,
    /// The last factor of a unit, which a power belongs to.
    pub(super) factor: Option<Unit>,
    /// Why the answer cannot be read.
    pub(super) fault: Option<&'static str>,
}
