//! Models and data of the Hugging Face hub, by their names: `org/name[@revision]` in, the folder of its files out. Must
//! not know what is done with the files.
//!
//! A name is resolved to a commit first, and every file is of that commit. A file is in the cache once its size and its
//! hash are what the hub says; a download that broke off goes on where it was. The cache is `huggingface_hub`'s: what
//! one has brought the other finds. Its layout and the hub's address are crate `hf-hub`'s. That crate's own downloads
//! check neither hash nor size and know no HF_HUB_OFFLINE; those of this crate do.
//!
//! # Example
//! Offline, what is in the cache is found, and the network is not asked:
//!
//! ```
//! use hub::{Hub, HubName, HubSettings, Kind, ModelFiles};
//!
//! let home = tempfile::tempdir()?;
//! let variables = [("HF_HOME", home.path().display().to_string()), ("HF_HUB_OFFLINE", "1".into())];
//! let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
//! let hub = Hub::new(HubSettings::of(find)?, |name| name.starts_with("LICENSE"));
//!
//! let name = HubName::parse("org/name@v1.0", Kind::Model).expect("a name");
//! let error = hub.model(&name, ModelFiles::All, &mut |_| ()).expect_err("the cache is empty");
//! assert!(error.to_string().contains("HF_HUB_OFFLINE"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cached_repo;
mod certificates;
mod client;
mod download;
mod error;
mod event;
mod hash;
mod hub;
mod listing;
mod model_files;
mod name;
mod origin;
mod settings;
mod token;

pub use self::certificates::Certificates;
pub use self::error::HubError;
pub use self::event::Event;
pub use self::hub::{FileChoice, Hub, Snapshot};
pub use self::model_files::ModelFiles;
pub use self::name::{HubName, Kind};
pub use self::origin::Origin;
pub use self::settings::{HubSettings, Patience};
pub use self::token::Token;
