//! Verdicts for completions: the verifiers and the code execution service they need.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};
use datasets::{Task, TaskVerifier};
use sandbox::{SandboxError, ServerConfig, ServerHandle};
use sandbox_api::{Client, ClientOptions, Secret};
use serde_json::Value;
use verifiers::{
    Judged, Judgement, Reading, Reward, RewardConfig, ScoreRange, Settlement, TermInput, ThinkFormat, Verdict,
    VerifierError, VerifierVerdict, Verifiers, VerifiersConfig, compose,
};

use crate::code_server::serve;
use crate::component_verifier;
use crate::config::SandboxSection;
use crate::failure::Usage;
use crate::origin::Origin;
use crate::ranks::HostServers;

/// The name under which a reward model's score that is no number is counted.
const REWARD_MODEL: &str = "reward_model";

/// Address of a code execution server that nobody asks.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Verifiers, ready to judge. Dropping it ends the embedded code execution server.
pub(crate) struct Judge {
    verifiers: Verifiers,
    reward: RewardConfig,
    client: Client,
    server: Option<ServerHandle>,
}

/// What a completion comes to.
#[derive(Debug)]
pub(crate) enum Payment {
    /// A reward.
    Reward(Reward),
    /// None: the completion is left out of its group.
    Mask,
    /// None: the group is left out.
    DropGroup,
}

impl Judge {
    /// Builds the verifiers, and starts a code execution server inside this process unless the section names some;
    /// those of other `hosts` are asked too.
    ///
    /// # Errors
    /// The server cannot start, or a server's address is unusable; a section names a verifier that there is not.
    pub(crate) async fn start(
        verifiers: &VerifiersConfig,
        reward: &RewardConfig,
        sandbox: &SandboxSection,
        hosts: Option<HostServers>,
    ) -> Result<Self> {
        let (urls, token, server) = if sandbox.url.is_empty() {
            let (urls, token) = hosts.map_or((Vec::new(), None), |hosts| (hosts.urls, Some(hosts.token)));
            let (server, token) = start_server(&sandbox.server, token).await.context("the code execution server")?;
            let urls = [vec![server.url()], urls].concat();
            tracing::info!(?urls, "code execution servers");
            (urls, Some(token), Some(server))
        } else {
            (sandbox.url.clone(), sandbox.token()?, None)
        };
        Self::with_service(verifiers, reward, sandbox, urls, token, server)
    }

    /// The same, without a code execution server where those of `names` that there are need none: they only compute.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub(crate) async fn start_for(
        names: &BTreeSet<String>,
        verifiers: &VerifiersConfig,
        reward: &RewardConfig,
        sandbox: &SandboxSection,
    ) -> Result<Self> {
        let alone = Self::with_service(verifiers, reward, sandbox, vec![NOWHERE.to_owned()], None, None)?;
        let waits = |name: &String| alone.verifiers.get(name).is_ok_and(|verifier| !verifier.only_computes());
        if names.iter().any(waits) { Self::start(verifiers, reward, sandbox, None).await } else { Ok(alone) }
    }

    fn with_service(
        verifiers: &VerifiersConfig,
        reward: &RewardConfig,
        sandbox: &SandboxSection,
        urls: Vec<String>,
        token: Option<Secret>,
        server: Option<ServerHandle>,
    ) -> Result<Self> {
        let options = ClientOptions { token, ..sandbox.client.clone() };
        let client =
            Client::with_options(urls, options).map_err(|error| Usage::error(format!("sandbox.url: {error}")))?;
        let (config, mut verifiers) = (verifiers, Verifiers::standard(verifiers, client.clone()));
        component_verifier::register(&mut verifiers, config);
        let deadlines = config.deadlines.keys().map(|name| ("verifiers.deadlines", name));
        let worths = reward.worth_of.keys().filter(|name| *name != REWARD_MODEL);
        for (section, name) in deadlines.chain(worths.map(|name| ("reward.worth_of", name))) {
            verifiers.get(name).map_err(|error| Usage::error(format!("{section}.{name}: {error}")))?;
        }
        for term in &reward.term {
            if let Reading::Verifier(name) = &term.reads {
                let place = format!("reward.term `{}`: reads", term.name);
                verifiers.get(name).map_err(|error| Usage::error(format!("{place}: {error}")))?;
            }
        }
        Ok(Self { verifiers, reward: reward.clone(), client, server })
    }

    /// Adds to a task the verifiers that the reward's terms read and it does not name: without a weight of their own,
    /// and with the ground truth of its first.
    pub(crate) fn add_term_verifiers(&self, task: &mut Task) {
        let names: Vec<String> = self.reward.term_verifiers(task).map(str::to_owned).collect();
        for name in names {
            if !task.verifiers.iter().any(|verifier| verifier.name == name) {
                let ground_truth = task.verifiers.first().map_or(Value::Null, |first| first.ground_truth.clone());
                task.verifiers.push(TaskVerifier { weight: 0.0, ..TaskVerifier::new(name, ground_truth) });
            }
        }
    }

    /// Checks the tasks of a source: each names verifiers that there are, these are made ready, and each can judge by
    /// its ground truth.
    ///
    /// # Errors
    /// A usage error that names file, line, task and verifier.
    pub(crate) async fn check(&self, origin: &Origin, tasks: &[&Task]) -> Result<()> {
        let named = |task: &Task, error: &str| origin.error("task", &task.id, &anyhow!("{error}"));
        let mut names = BTreeSet::new();
        for task in tasks {
            for verifier in &task.verifiers {
                self.verifiers.get(&verifier.name).map_err(|error| named(task, &error.to_string()))?;
                names.insert(verifier.name.as_str());
            }
        }
        self.verifiers.prepare(names).await.map_err(|error| Usage::error(error.to_string()))?;
        for task in tasks {
            self.verifiers.check(task).map_err(|error| named(task, &error.to_string()))?;
        }
        Ok(())
    }

    /// Checks that the training tasks of a source have all that the reward's terms read of them.
    ///
    /// # Errors
    /// A usage error that names file, line, task and term.
    pub(crate) fn check_fields(&self, origin: &Origin, tasks: &[Task]) -> Result<()> {
        let named = |task: &Task, error: String| origin.error("task", &task.id, &anyhow!("{error}"));
        tasks.iter().try_for_each(|task| self.reward.check_fields(task).map_err(|error| named(task, error)))
    }

    /// Checks that each source that a term is for is one of these.
    ///
    /// # Errors
    /// A usage error that names the term and the source.
    pub(crate) fn check_sources(&self, sources: &BTreeSet<String>) -> Result<()> {
        for term in &self.reward.term {
            if let Some(source) = term.sources.iter().find(|source| !sources.contains(*source)) {
                let (name, known) = (&term.name, sources.iter().cloned().collect::<Vec<_>>().join(", "));
                let problem = format!("no task is of the source `{source}`; there are {known}");
                return Err(Usage::error(format!("reward.term `{name}`: sources: {problem}")));
            }
        }
        Ok(())
    }

    /// The client of the code execution service.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The verifiers.
    pub(crate) fn verifiers(&self) -> &Verifiers {
        &self.verifiers
    }

    /// Judges a completion by all verifiers of its task but those that compare completions.
    pub(crate) async fn judge(&self, judged: &Judged) -> Judgement {
        self.verifiers.judge(judged).await
    }

    /// Asks those verifiers again whose services were away.
    pub(crate) async fn judge_again(&self, judged: &Judged, judgement: &mut Judgement) {
        self.verifiers.judge_again(judged, judgement).await;
    }

    /// True where one of the task's verifiers compares completions.
    pub(crate) fn compares(&self, task: &Task) -> bool {
        let compares = |name: &str| self.verifiers.get(name).is_ok_and(|verifier| verifier.compares());
        task.verifiers.iter().any(|verifier| compares(&verifier.name))
    }

    /// Adds the verdicts of those verifiers that compare the completions of a group.
    pub(crate) async fn judge_group(&self, group: &[Judged], judgements: &mut [Judgement]) {
        self.verifiers.judge_group(group, judgements).await;
    }

    /// True where a reward model scores the task.
    pub(crate) fn is_scored(&self, task: &Task) -> bool {
        !self.reward.checked_kinds.contains(&task.kind)
    }

    /// What a completion comes to, given its verdicts and the reward model's score. A score that is no number is a
    /// verdict that is missing, and is added to the judgement as such.
    ///
    /// # Errors
    /// The reward section ends the run at one of the verdicts.
    pub(crate) fn pay(
        &self,
        judged: &Judged,
        judgement: &mut Judgement,
        reward_model_score: Option<f32>,
    ) -> Result<Payment> {
        if let Some(score) = reward_model_score.filter(|score| !score.is_finite()) {
            judgement.verdicts.push(VerifierVerdict {
                verifier: REWARD_MODEL.to_owned(),
                weight: 0.0,
                range: ScoreRange::default(),
                verdict: Err(VerifierError::crashed(REWARD_MODEL, format!("its score is {score}"))),
                seconds: 0.0,
            });
        }
        let score = reward_model_score.filter(|score| score.is_finite());
        let wants_format = self.reward.format_bonus != 0.0 || self.reward.format_required;
        let format = wants_format.then(|| ThinkFormat::judge(&judged.completion, judged.thinking_open));
        let pay = |judgement: &Judgement, verdict: &Verdict| {
            if !self.reward.term.is_empty() {
                let input = TermInput { judged, judgement, verdict, reward_model_score: score };
                return self.reward.compose_terms(&input);
            }
            compose(verdict, format.as_ref(), score, judged.truncated(), &self.reward)
        };
        Ok(match self.reward.settle(judgement) {
            Settlement::Pay(verdict) => Payment::Reward(pay(judgement, &verdict)),
            Settlement::Mask => Payment::Mask,
            Settlement::DropGroup => Payment::DropGroup,
            Settlement::Abort(reason) => bail!("task {}: {reason}", judged.task.id),
        })
    }

    /// Ends the embedded server and waits for it.
    pub(crate) async fn stop(self) {
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

/// Starts the embedded server with the configured token, or else the one given, or a random one.
async fn start_server(config: &ServerConfig, token: Option<Secret>) -> Result<(ServerHandle, Secret), SandboxError> {
    let token = match config.resolve_token()?.or(token) {
        Some(token) => token,
        None => Secret::random()?,
    };
    let server = serve(ServerConfig { token: Some(token.clone()), ..config.clone() }).await?;
    Ok((server, token))
}
