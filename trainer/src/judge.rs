//! Verdicts for completions: the verifiers and the code execution service they need.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use datasets::Task;
use futures::executor::block_on;
use math_verifier::MathVerdictKind;
use sandbox::{SandboxError, ServerConfig, ServerHandle};
use sandbox_api::{ClientOptions, Secret};
use tokio::sync::oneshot;
use verifiers::{Reward, RewardConfig, Undecided, Verdict, VerifierError, Verifiers, VerifiersConfig, compose};

use crate::config::SandboxSection;
use crate::failure::Usage;

/// Name of the verifier of a completion's form.
const FORMAT: &str = "think_format";

/// Verifiers, ready to judge. Dropping it ends the embedded code execution server.
pub(crate) struct Judge {
    verifiers: Verifiers,
    reward: RewardConfig,
    server: Option<ServerHandle>,
}

/// Verdicts on one completion.
pub(crate) struct Judgement {
    /// Verdict of the task's own verifier; `Err` where the verifier broke.
    pub verdict: Result<Verdict, VerifierError>,
    /// Verdict of the format verifier, where the reward asks for one.
    pub format: Option<Verdict>,
}

/// Kind of the maths verifier's verdict; `None` where another verifier judged.
pub(crate) fn math_kind(verdict: &Result<Verdict, VerifierError>) -> Option<MathVerdictKind> {
    match verdict {
        Ok(verdict) => verdict.math,
        Err(VerifierError::GoldUnparsed { .. }) => Some(MathVerdictKind::GoldUnparsed),
        Err(_) => None,
    }
}

impl Judge {
    /// Builds the verifiers, and starts a code execution server inside this process unless the section names some.
    ///
    /// # Errors
    /// The server cannot start, or a server's address is unusable.
    pub(crate) async fn start(
        verifiers: &VerifiersConfig,
        reward: &RewardConfig,
        sandbox: &SandboxSection,
    ) -> Result<Self> {
        let (urls, token, server) = if sandbox.url.is_empty() {
            let (server, token) = start_server(&sandbox.server).await.context("the code execution server")?;
            tracing::info!(url = server.url(), "code execution server");
            (vec![server.url()], Some(token), Some(server))
        } else {
            (sandbox.url.clone(), sandbox.token()?, None)
        };
        let options = ClientOptions { token, ..sandbox.client.clone() };
        let client = sandbox_api::Client::with_options(urls, options)
            .map_err(|error| Usage::error(format!("sandbox.url: {error}")))?;
        Ok(Self { verifiers: Verifiers::standard(verifiers, client), reward: reward.clone(), server })
    }

    /// Checks that every task names a verifier that there is.
    ///
    /// # Errors
    /// A usage error that names the task and the verifier.
    pub(crate) fn check<'a>(&self, tasks: impl IntoIterator<Item = &'a Task>) -> Result<()> {
        for task in tasks {
            self.verifiers.get(&task.verifier).map_err(|error| Usage::error(format!("task {}: {error}", task.id)))?;
        }
        Ok(())
    }

    /// Judges one completion: on rayon's threads where the verdict is computed, on tokio's where it is waited for.
    ///
    /// # Errors
    /// The verifier panicked.
    pub(crate) async fn judge(self: Arc<Self>, task: Arc<Task>, completion: String) -> Result<Judgement> {
        if !self.verifiers.get(&task.verifier).is_ok_and(|verifier| verifier.only_computes()) {
            return Ok(self.judge_here(&task, &completion).await);
        }
        let (answer, answered) = oneshot::channel();
        let verifier = task.verifier.clone();
        rayon::spawn(move || {
            let judged = catch_unwind(AssertUnwindSafe(|| block_on(self.judge_here(&task, &completion))));
            let _ = answer.send(judged); // the receiver is gone once the run is interrupted
        });
        answered.await?.map_err(|_| anyhow!("the verifier `{verifier}` panicked, see the message above"))
    }

    async fn judge_here(&self, task: &Task, completion: &str) -> Judgement {
        let verdict = self.verifiers.verify(task, completion).await;
        let wants_format = self.reward.format_bonus != 0.0 || self.reward.format_required;
        let format = match self.verifiers.get(FORMAT) {
            Ok(verifier) if wants_format => verifier.verify(task, completion).await.ok(),
            _ => None,
        };
        Judgement { verdict, format }
    }

    /// The reward of a judgement; `None` where the verifier broke, or where the reward section leaves the verdict out.
    ///
    /// # Errors
    /// The reward section ends the run at such a verdict.
    pub(crate) fn reward(
        &self,
        judgement: &Judgement,
        reward_model_score: Option<f32>,
        truncated: bool,
    ) -> Result<Option<Reward>> {
        let compose =
            |verdict| compose(verdict, judgement.format.as_ref(), reward_model_score, truncated, &self.reward);
        let kind = math_kind(&judgement.verdict);
        Ok(match (&judgement.verdict, kind.and_then(|kind| self.reward.math.undecided(kind))) {
            (_, Some(Undecided::Mask)) => None,
            (verdict, Some(Undecided::Abort)) => {
                let kind = kind.map_or("", MathVerdictKind::as_str);
                let reason = verdict.as_ref().map_or_else(ToString::to_string, |verdict| verdict.reason.clone());
                bail!("{kind}: {reason}; the run ends here because reward.math.{kind} is \"abort\"");
            }
            (Ok(verdict), _) => Some(compose(verdict)),
            (Err(_), Some(Undecided::Wrong)) => Some(compose(&Verdict::fail(""))),
            (Err(_), None) => None,
        })
    }

    /// True where the reward section leaves the verdict out of its group.
    pub(crate) fn masks(&self, verdict: &Result<Verdict, VerifierError>) -> bool {
        math_kind(verdict).and_then(|kind| self.reward.math.undecided(kind)) == Some(Undecided::Mask)
    }

    /// Ends the embedded server and waits for it.
    pub(crate) async fn stop(self) {
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

/// Starts the embedded server with the configured token, or else a random one.
async fn start_server(config: &ServerConfig) -> Result<(ServerHandle, Secret), SandboxError> {
    let token = match config.resolve_token()? {
        Some(token) => token,
        None => Secret::random()?,
    };
    let server = sandbox::serve(ServerConfig { token: Some(token.clone()), ..config.clone() }).await?;
    Ok((server, token))
}
