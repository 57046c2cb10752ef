//! Where the hub is, where its files are kept, and who asks: by the variables that `huggingface_hub` reads
//! (huggingface_hub, package_reference/environment_variables).

use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::Cache;
use hf_hub::api::sync::ApiBuilder;

use crate::certificates::{Certificates, VARIABLES};
use crate::error::HubError;
use crate::token::Token;

/// Words that a variable is true by.
const TRUE: [&str; 4] = ["1", "on", "yes", "true"];

/// Settings of a hub.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// Address of the hub, without a `/` at its end.
    pub endpoint: String,
    /// Folder of the cache, in the layout of `huggingface_hub`.
    pub cache: PathBuf,
    /// Token, where there is one.
    pub token: Option<Token>,
    /// Certificates that HTTPS trusts.
    pub certificates: Certificates,
    /// True where the network must not be asked.
    pub is_offline: bool,
    /// How long is waited, and how often.
    pub patience: Patience,
}

/// How long the hub is waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// Attempts in a row that bring nothing.
    pub attempts: u32,
    /// Pause after the first of them; each further one is twice as long.
    pub first_pause: Duration,
    /// Longest pause, also where the hub asks for a longer one.
    pub longest_pause: Duration,
    /// Longest silence of a connection.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { attempts: 5, first_pause: seconds(1), longest_pause: seconds(60), silence: seconds(30) }
    }
}

impl HubSettings {
    /// The settings that the process's environment says.
    ///
    /// # Errors
    /// There is no folder for the cache, for neither a variable nor a home says one; or a file of certificates is named
    /// that holds none.
    pub fn of_process() -> Result<Self, HubError> {
        Self::of(|name| std::env::var(name).ok())
    }

    /// The settings that variables say.
    ///
    /// # Errors
    /// As for [`HubSettings::of_process`].
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, HubError> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| given(name).map(PathBuf::from);
        let is_true = |name: &str| given(name).is_some_and(|value| TRUE.contains(&value.to_lowercase().as_str()));
        let cached = |name: &str| folder(name).map(|cache| cache.join("huggingface"));
        let home = folder("HF_HOME")
            .or_else(|| cached("XDG_CACHE_HOME"))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/huggingface")));
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let cache = folder("HF_HUB_CACHE").or_else(|| folder("HUGGINGFACE_HUB_CACHE")).or_else(|| in_home("hub"));
        let cache = cache.ok_or(HubError::NoHome)?;
        let token = if is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            None
        } else {
            let file = folder("HF_TOKEN_PATH").or_else(|| in_home("token"));
            let given = given("HF_TOKEN").or_else(|| given("HUGGING_FACE_HUB_TOKEN"));
            given.or_else(|| std::fs::read_to_string(file?).ok()).and_then(|text| Token::new(&text))
        };
        let endpoint = match given("HF_ENDPOINT") {
            Some(endpoint) => endpoint.trim().trim_end_matches('/').to_owned(),
            None => default_endpoint(&cache)?,
        };
        let is_offline = is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE");
        let file = VARIABLES.iter().find_map(|variable| Some((folder(variable)?, *variable)));
        let certificates = match file.filter(|_| !is_offline) {
            Some((path, variable)) => Certificates::of_file(&path, variable)?,
            None => Certificates::default(),
        };
        Ok(Self { endpoint, cache, token, certificates, is_offline, patience: Patience::default() })
    }
}

/// The address that hf-hub asks where nothing else is said: what stands before the path of a file's address.
fn default_endpoint(cache: &Path) -> Result<String, HubError> {
    let builder = ApiBuilder::from_cache(Cache::new(cache.to_owned())).with_token(None);
    let api = builder.build().map_err(|error| HubError::Endpoint(error.to_string()))?;
    let url = api.model("org/name".into()).url("file");
    let endpoint = url.split_once("/org/name/").map(|(endpoint, _)| endpoint.to_owned());
    endpoint.ok_or(HubError::Endpoint(url))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        HubSettings::of(|name| variables.get(name).map(|value| (*value).to_owned())).unwrap()
    }

    #[test]
    fn the_cache_is_where_huggingface_hub_has_it() {
        for (variables, cache) in [
            (&[("HOME", "/me")][..], "/me/.cache/huggingface/hub"),
            (&[("HOME", "/me"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HOME", "/me"), ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/hf")], "/hf/hub"),
            (&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", " ")], "/hf/hub"),
        ] {
            assert_eq!(settings(variables).cache, Path::new(cache));
        }
        assert!(matches!(HubSettings::of(|_| None), Err(HubError::NoHome)));
    }

    #[test]
    fn the_token_stands_in_a_variable_or_a_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().display().to_string();
        assert_eq!(settings(&[("HF_HOME", &path)]).token, None);
        std::fs::write(home.path().join("token"), "hf_of_a_file\n").unwrap();
        assert_eq!(settings(&[("HF_HOME", &path)]).token, Token::new("hf_of_a_file"));
        let both = [("HF_HOME", path.as_str()), ("HF_TOKEN", "hf_of_a_variable")];
        assert_eq!(settings(&both).token, Token::new("hf_of_a_variable"));
        assert!(!format!("{:?}", settings(&both)).contains("hf_of"));
        assert_eq!(settings(&[("HF_HOME", &path), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).token, None);
    }

    #[test]
    fn certificates_come_from_the_file_that_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("company.pem");
        let path = file.display().to_string();
        let problem = |variables: &[(&str, &str)]| {
            let variables: HashMap<&str, &str> = variables.iter().copied().collect();
            let settings = HubSettings::of(|name| variables.get(name).map(|value| (*value).to_owned()));
            settings.err().map(|error| error.to_string())
        };
        let text = problem(&[("HOME", "/me"), ("REQUESTS_CA_BUNDLE", &path)]).unwrap();
        assert!(text.contains("company.pem (REQUESTS_CA_BUNDLE) cannot be read"), "{text}");
        std::fs::write(&file, "none").unwrap();
        let text = problem(&[("HOME", "/me"), ("SSL_CERT_FILE", &path), ("CURL_CA_BUNDLE", "/no")]).unwrap();
        assert!(text.contains("company.pem (SSL_CERT_FILE) holds no certificates"), "{text}");
        assert_eq!(problem(&[("HOME", "/me"), ("SSL_CERT_FILE", &path), ("HF_HUB_OFFLINE", "1")]), None);
        // PEM is taken as it is here; whether it is a certificate is seen with the first connection.
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(problem(&[("HOME", "/me"), ("SSL_CERT_FILE", &path)]), None);
    }

    #[test]
    fn the_endpoint_is_given_or_hf_hubs_own() {
        assert_eq!(settings(&[("HOME", "/me"), ("HF_ENDPOINT", "http://mirror/")]).endpoint, "http://mirror");
        let default = settings(&[("HOME", "/me")]).endpoint;
        assert!(default.starts_with("https://") && !default.ends_with('/'), "{default}");
        assert!(settings(&[("HOME", "/me"), ("HF_HUB_OFFLINE", "Yes")]).is_offline);
        assert!(!settings(&[("HOME", "/me"), ("HF_HUB_OFFLINE", "0")]).is_offline);
    }
}
