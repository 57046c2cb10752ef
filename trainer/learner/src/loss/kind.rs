//! Kinds of loss by the words of `loss.kind`: a row each.
//!
//! A kind's keys in the configuration are the fields of its struct.

use anyhow::Result;
use serde::de::value::Error as KeyError;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use toml::{Table, Value};

use super::cispo::Cispo;
use super::cispo_two_sided::CispoTwoSided;
use super::gspo::Gspo;
use super::ppo_clip::PpoClip;
use super::reinforce::Reinforce;
use super::surrogate::Surrogate;

macro_rules! kinds {
    ($($(#[$documentation:meta])* $kind:ident = $name:literal,)*) => {
        /// Kind of loss with its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "kind")]
        pub enum PolicyLossKind {
            $($(#[$documentation])* #[serde(rename = $name)] $kind($kind),)*
        }

        /// Word and keys of every kind.
        fn rows() -> Vec<(&'static str, &'static [&'static str])> {
            vec![$(($name, keys::<$kind>())),*]
        }

        impl PolicyLossKind {
            /// Word of the kind in the configuration.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => $name),* }
            }

            /// The kind as a surrogate.
            pub fn surrogate(&self) -> &dyn Surrogate {
                match self { $(Self::$kind(kind) => kind),* }
            }

            fn parse(name: &str, parameters: Value) -> Result<Self, toml::de::Error> {
                match name {
                    $($name => parameters.try_into().map(Self::$kind),)*
                    _ => Err(Error::custom(unknown_kind(name))),
                }
            }
        }
    };
}

kinds! {
    /// PPO's clipped surrogate on each token's ratio: GRPO, DAPO, Dr. GRPO.
    PpoClip = "ppo_clip",
    /// The clipped surrogate on the completion's length-normalised ratio.
    Gspo = "gspo",
    /// Policy gradient weighted by the ratio, capped from above.
    Cispo = "cispo",
    /// Policy gradient weighted by the ratio, clipped on both sides.
    CispoTwoSided = "cispo_two_sided",
    /// Plain policy gradient: no ratio, no clip.
    Reinforce = "reinforce",
}

/// Keys that stand beside every kind's own.
const OF_EVERY_KIND: [&str; 4] = ["aggregation", "rollout_correction", "kl_coefficient", "kl_estimator"];

impl Default for PolicyLossKind {
    fn default() -> Self {
        Self::PpoClip(PpoClip::default())
    }
}

impl PolicyLossKind {
    /// The kind of that name with the parameters that are written, and its defaults for the others.
    ///
    /// # Errors
    /// A message that names the key: it belongs to another kind, to none, or has the wrong type.
    pub(super) fn read(name: &KindName, parameters: Table) -> Result<Self, String> {
        let KindName(name) = name;
        let rows = rows();
        let own: &[&str] = rows.iter().find(|(other, _)| other == name).map_or(&[], |(_, keys)| keys);
        if let Some(key) = parameters.keys().find(|key| !own.contains(&key.as_str())) {
            let users = rows.iter().filter(|(_, keys)| keys.contains(&key.as_str()));
            let users: Vec<String> = users.map(|(user, _)| format!("\"{user}\"")).collect();
            return Err(match users.as_slice() {
                [] => format!(
                    "loss.{key}: no kind of loss has this key; with kind = \"{name}\": unknown field `{key}`, expected \
                     one of {}",
                    quoted(own.iter().copied().chain(OF_EVERY_KIND))
                ),
                users => format!(
                    "loss.{key}: kind = \"{name}\" does not use it; leave it out, or choose a kind that does ({})",
                    users.join(", ")
                ),
            });
        }
        Self::parse(name, Value::Table(parameters))
            .map_err(|error| format!("loss: {}", error.to_string().trim().replace('\n', " ")))
    }
}

/// Word of a kind that there is.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct KindName(String);

impl Default for KindName {
    fn default() -> Self {
        Self(PolicyLossKind::default().name().to_owned())
    }
}

impl TryFrom<String> for KindName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_known = rows().iter().any(|(known, _)| *known == name);
        if is_known { Ok(Self(name)) } else { Err(unknown_kind(&name)) }
    }
}

fn unknown_kind(name: &str) -> String {
    let known = rows().into_iter().map(|(known, _)| known);
    format!("loss.kind: unknown variant `{name}`, expected one of {}", quoted(known))
}

/// Names as serde's own messages list them, so that whoever suggests a near name finds them.
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Names of a struct's fields, as its `Deserialize` asks for them.
fn keys<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The deserializer holds no value and ends with an error in any case, once it was asked.
    let _ = T::deserialize(FieldNames(&mut fields));
    fields
}

/// Deserializer that notes the fields of the struct that it is asked for.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = KeyError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, KeyError> {
        *self.0 = fields;
        Err(KeyError::custom("names only"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, KeyError> {
        Err(KeyError::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
