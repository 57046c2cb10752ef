//! One code execution server a host: rank 0 starts its own, and the first rank of every other host one there, whose
//! address it leaves in the job's store.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use policy::dist::Environment;
use sandbox::{ServerConfig, ServerHandle};
use sandbox_api::Secret;

use super::team::{LOOK, Team};
use crate::code_server::serve;
use crate::config::SandboxSection;

const TOKEN: &str = "sandbox/token";
/// What stands before the reason why a host has no server.
const NONE: &str = "none: ";

/// The servers of the other hosts, and the token that all take.
#[derive(Clone, Debug)]
pub(crate) struct HostServers {
    pub(crate) token: Secret,
    pub(crate) urls: Vec<String>,
}

/// On rank 0, before the others ask: leaves the token of all servers in the store.
///
/// # Errors
/// The store is gone, or the system has no random numbers.
pub(super) fn offer_token(team: &Team) -> Result<()> {
    Ok(team.store().set(TOKEN, Secret::random_text()?.as_bytes())?)
}

impl HostServers {
    /// On rank 0: those that the other hosts have started; `None` where the section names servers, or there is no other
    /// rank.
    ///
    /// # Errors
    /// One cannot be started, its host says nothing, another rank failed, or the user interrupts.
    pub(crate) async fn await_all(team: Option<&Team>, section: &SandboxSection) -> Result<Option<Self>> {
        let Some(team) = team.filter(|_| section.url.is_empty()) else { return Ok(None) };
        let (store, begun) = (team.store(), Instant::now());
        let token = store.get(TOKEN, team.timeout())?;
        let mut urls = Vec::new();
        for rank in 1..team.size() {
            let said = loop {
                if let Some(said) = store.try_get(&key(rank))? {
                    break String::from_utf8_lossy(&said).into_owned();
                }
                team.verify()?;
                team.interrupt().check()?;
                let waited = begun.elapsed();
                ensure!(waited < team.timeout(), "rank {rank} says nothing of its host's code execution server");
                tokio::time::sleep(LOOK).await;
            };
            if let Some(reason) = said.strip_prefix(NONE) {
                bail!("rank {rank}: the code execution server: {reason}");
            }
            urls.extend(Some(said).filter(|url| !url.is_empty()));
        }
        Ok(Some(Self { token: Secret::new(&String::from_utf8_lossy(&token))?, urls }))
    }
}

/// On another rank: starts the server of its host, where it is the host's first rank.
///
/// # Errors
/// Rank 0 is not heard of, or the server cannot be started.
pub(super) async fn serve_host(team: &Team, section: &SandboxSection) -> Result<Option<ServerHandle>> {
    let store = team.store();
    let token = tokio::task::block_in_place(|| store.get(TOKEN, team.timeout()))?;
    if team.environment().local_rank > 0 {
        store.set(&key(team.rank()), b"")?;
        return Ok(None);
    }
    let token = Secret::new(&String::from_utf8_lossy(&token))?;
    let started = start(&section.server, token, team.environment()).await;
    let said = match &started {
        Ok(server) => server.url(),
        Err(error) => format!("{NONE}{error:#}"),
    };
    store.set(&key(team.rank()), said.as_bytes())?;
    started.map(Some).context("the code execution server")
}

/// Starts a server where rank 0 reaches it.
async fn start(config: &ServerConfig, token: Secret, environment: &Environment) -> Result<ServerHandle> {
    let token = config.resolve_token()?.unwrap_or(token);
    let listen = SocketAddr::new(address_towards(environment), config.listen.port());
    Ok(serve(ServerConfig { listen, token: Some(token), ..config.clone() }).await?)
}

/// This host's address on the way to rank 0; no packet is sent.
fn address_towards(environment: &Environment) -> IpAddr {
    let store = (environment.store.host.as_str(), environment.store.port);
    let towards = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(store)?;
        socket.local_addr()
    });
    towards.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

fn key(rank: usize) -> String {
    format!("sandbox/url/{rank}")
}
