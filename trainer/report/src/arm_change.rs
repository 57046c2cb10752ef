//! What an arm of a sweep changes of the base's configuration.

/// A value of an arm's configuration that is not the base's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmChange {
    /// Name of the arm.
    pub arm: String,
    /// The key, as `update.clip_high`.
    pub key: String,
    /// The base's value as text; `None` where the base has none.
    pub base: Option<String>,
    /// The arm's value as text; `None` where the arm has none.
    pub value: Option<String>,
}
