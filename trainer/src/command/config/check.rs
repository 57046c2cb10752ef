//! `trainer config check`: a run's file validated, and what the run will do and need.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use planner::{
    Axes, Cluster, ModelSizes, Place, Rates, Report, SamplingLayout, Work, bytes_words, memory, parse_bytes, propose,
    remedies, step_seconds,
};
use policy::Placement;
use policy::dist::{Axis, DistError, Layout};
use serde::Serialize;
use tch::Device;

use super::decoder_sizes::sizes;
use super::kind::{Configured, has_layout};
use super::measured::measure;
use super::outline::RunOutline;
use super::sizes::model_config;
use super::work::{Known, work};
use crate::config::{Source, load};
use crate::failure::{Usage, exit_code};
use crate::interrupt::Interrupt;
use crate::named_files::NamedFiles;
use crate::stdout::print;

/// What `trainer config check` takes.
#[derive(Debug, Args)]
pub(crate) struct ConfigCheckArgs {
    /// A run's TOML file, of any kind but a recipe.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Overrides one key, as in --set schedule.lr=1e-5 (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Stage of the file [default: 2 where it names a reward model, else 1].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    stage: Option<u8>,
    /// Number of GPUs: lays them out as the file's section `parallel` says, or so that a step takes least time where it
    /// has none.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65536))]
    gpus: Option<u64>,
    /// Memory of each GPU [default: 80GiB, with --gpus].
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    gpu_memory: Option<u64>,
    /// GPUs of each host.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1024))]
    gpus_per_host: u64,
    /// The model's config.json, where its folder is not here.
    #[arg(long, value_name = "FILE")]
    model_config: Option<PathBuf>,
    /// Tokens of a prompt, at most [default: 1024].
    #[arg(long, value_name = "N")]
    prompt_tokens: Option<u64>,
    /// A TOML file of rates, in the place of those of an H100.
    #[arg(long, value_name = "FILE", conflicts_with = "measure")]
    rates: Option<PathBuf>,
    /// Measures this machine's rates, for ranks that all run on it.
    #[arg(long, requires = "gpus")]
    measure: bool,
    /// Prints one JSON object: `run`, `layout`, `memory_bytes`, `seconds_per_step`, `fits`, `assumptions`.
    #[arg(long)]
    json: bool,
}

/// Everything that is printed.
#[derive(Serialize)]
struct Checked {
    run: RunOutline,
    #[serde(flatten)]
    report: Report,
}

/// Runs the command.
///
/// # Errors
/// A usage error: something is invalid, or the run does not fit.
pub(super) async fn run(args: &ConfigCheckArgs, interrupt: &Interrupt) -> Result<()> {
    let mut configured = Configured::load(&args.file, &args.set, args.stage)?;
    // Sizes stand in config.json: where that is given, or something else is at the path, nothing is asked for.
    if args.model_config.is_none() {
        let fetched = configured.fetch_models(&NamedFiles::new(interrupt)).await;
        fetched.map_err(|error| {
            let words = format!("{error}; or give the model's config.json with --model-config FILE");
            match exit_code(&error) {
                2 => Usage::error(words),
                130 => error,
                _ => anyhow!(words),
            }
        })?;
    }
    tokio::task::block_in_place(|| check(args, &configured))
}

fn check(args: &ConfigCheckArgs, configured: &Configured) -> Result<()> {
    let (config, origin) = model_config(configured, args.model_config.as_deref())?;
    let place = place(&configured.run().device, args.gpus.is_some())?;
    let model = sizes(&config);
    let known = Known { model: &config, sizes: model, place, prompt_tokens: args.prompt_tokens };
    let work = work(configured, &known)?;
    let report = report(args, configured, &model, &work)?;
    let outline = RunOutline::new(configured, &args.file.display().to_string(), origin, &model, &work);
    let refusal = refusal(args, &report);
    if args.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(&Checked { run: outline, report })?))?;
    } else {
        print(format_args!("{outline}\n{report}"))?;
        if report.seconds_per_step.is_some() {
            print(format_args!("\n{}", assumptions(&report.assumptions, &work)))?;
        }
    }
    refusal.map_or(Ok(()), Err)
}

/// Where the ranks compute. With `--gpus` a device that is `auto` is a GPU.
fn place(device: &str, has_gpus: bool) -> Result<Place> {
    match device {
        "cpu" => Ok(Place::Cpu),
        "auto" if has_gpus => Ok(Place::Gpu),
        "auto" => Ok(if policy::resolve_device("auto")? == Device::Cpu { Place::Cpu } else { Place::Gpu }),
        "cuda" => Ok(Place::Gpu),
        _ if device.strip_prefix("cuda:").is_some_and(|index| index.parse::<usize>().is_ok()) => Ok(Place::Gpu),
        other => Err(Usage::error(format!("run.device: `{other}` is none of auto, cpu, cuda and cuda:N"))),
    }
}

fn report(args: &ConfigCheckArgs, configured: &Configured, model: &ModelSizes, work: &Work) -> Result<Report> {
    let gpu_memory = args.gpu_memory.or(args.gpus.map(|_| 80 * planner::GIB));
    let cluster = args.gpus.zip(gpu_memory).map(|(gpus, gpu_memory)| Cluster {
        gpus,
        gpu_memory,
        per_host: args.gpus_per_host.min(gpus),
    });
    let rates = rates(args, work)?;
    let proposed = match cluster {
        Some(cluster) if !has_layout(&args.file, &args.set)? => propose(model, work, &cluster, &rates),
        _ => None,
    };
    let axes = match proposed {
        Some(axes) => axes,
        None => resolved(configured.parallel().layout(), args.gpus)?,
    };
    check_heads(&axes, model, work.reward_model.as_ref())?;
    let memory_bytes = memory(model, &axes, work);
    let fits = gpu_memory.map(|bytes| memory_bytes.largest <= bytes);
    Ok(Report {
        layout: axes,
        sampling_layout: work.completions.map(|_| SamplingLayout::of(&axes)),
        gpus_per_host: args.gpus_per_host,
        gpu_memory_bytes: gpu_memory,
        memory_bytes,
        seconds_per_step: cluster.map(|cluster| step_seconds(model, &axes, work, &rates, cluster.per_host)),
        fits,
        remedies: match (cluster, fits) {
            (Some(cluster), Some(false)) => remedies(model, &axes, work, &cluster, &rates),
            _ => Vec::new(),
        },
        assumptions: rates,
    })
}

/// Holds the ranks of a layout to be such that they can share the models' heads.
fn check_heads(axes: &Axes, model: &ModelSizes, reward_model: Option<&ModelSizes>) -> Result<()> {
    let refused = |key: &str, length: u64, whose: &str, [heads, kv_heads]: [u64; 2], fits: &dyn Fn(u64) -> bool| {
        let fitting: Vec<String> = (1..=heads).filter(|length| fits(*length)).map(|it| it.to_string()).collect();
        Usage::error(format!(
            "parallel.{key}: {length} does not divide {whose} {heads} heads such that each rank has a share of the \
             {kv_heads} key-value heads or a copy of one; choose one of {}",
            fitting.join(", ")
        ))
    };
    let Axes { context, tensor, .. } = *axes;
    for (whose, sizes) in [("the model's", Some(model)), ("the reward model's", reward_model)] {
        if let Some(sizes) = sizes.filter(|sizes| !sizes.fits_tensor(tensor)) {
            let heads = [sizes.heads, sizes.kv_heads];
            return Err(refused("tensor", tensor, whose, heads, &|length| sizes.fits_tensor(length)));
        }
    }
    if !model.fits_context(tensor, context) {
        let whose = format!("a rank's (parallel.tensor = {tensor})");
        let heads = [model.local_heads(tensor), model.local_kv_heads(tensor)];
        return Err(refused("context", context, &whose, heads, &|length| model.fits_context(tensor, length)));
    }
    Ok(())
}

/// The lengths of the axes for so many GPUs, or for as few as the layout allows.
fn resolved(layout: Layout, gpus: Option<u64>) -> Result<Axes> {
    let given = [layout.replica, layout.shard, layout.context, layout.tensor];
    let least: u64 = given.iter().filter(|length| **length > 0).map(|length| length.unsigned_abs()).product();
    let ranks = usize::try_from(gpus.unwrap_or(least)).unwrap_or(usize::MAX);
    let shape = layout.resolve(ranks).map_err(|error| match error {
        DistError::Layout { field, reason } => {
            let key = if field == Axis::Replica.name() { "replicate" } else { field };
            Usage::error(format!("parallel.{key}: {}", reason.replace(" (WORLD_SIZE)", "")))
        }
        other => Usage::error(format!("parallel: {other}")),
    })?;
    let of = |axis| shape.length(axis) as u64;
    Ok(Axes {
        replicate: of(Axis::Replica),
        shard: of(Axis::Shard),
        context: of(Axis::Context),
        tensor: of(Axis::Tensor),
    })
}

fn rates(args: &ConfigCheckArgs, work: &Work) -> Result<Rates> {
    if let Some(path) = &args.rates {
        return read_rates(path);
    }
    if !args.measure {
        return Ok(Rates::default());
    }
    let device = match work.place {
        Place::Cpu => Device::Cpu,
        Place::Gpu => policy::resolve_device("cuda:0").map_err(|error| Usage::error(format!("--measure: {error}")))?,
    };
    let kind = if work.number_bytes == 4 { tch::Kind::Float } else { tch::Kind::BFloat16 };
    let measured = measure(Placement { device, kind })?;
    let ranks = args.gpus.unwrap_or(1);
    let rooms = match work.place {
        Place::Cpu => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
            (cores / (tch::get_num_threads().max(1) as u64)).max(1)
        }
        Place::Gpu => ranks,
    };
    Ok(Rates::measured(&measured, ranks, rooms))
}

fn read_rates(path: &Path) -> Result<Rates> {
    let rates: Rates = load(&Source { path: Some(path), ..Source::default() })?;
    rates.validate().map_err(|error| Usage::error(format!("--rates {}: {error}", path.display())))?;
    Ok(rates)
}

/// The error of a run that does not fit.
fn refusal(args: &ConfigCheckArgs, report: &Report) -> Option<anyhow::Error> {
    if report.fits != Some(false) {
        return None;
    }
    let needed = bytes_words(report.memory_bytes.largest);
    let there = bytes_words(report.gpu_memory_bytes.unwrap_or(0));
    let remedy = match report.remedies.first() {
        Some(remedy) => format!("it would fit {remedy}"),
        None => "use a smaller model, fewer tokens or larger GPUs".into(),
    };
    let file = args.file.display();
    Some(Usage::error(format!("{file}: needs {needed} on a GPU of {there}; {remedy}")))
}

/// What the seconds rest on, a line each.
fn assumptions(rates: &Rates, work: &Work) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let states = match rates.state_accesses {
        0.0 => String::new(),
        accesses => format!("; states through it {accesses} times a pass"),
    };
    let is_on_host = work.state_on_host || work.critic.is_some_and(|critic| critic.state_on_host);
    let with_host = match is_on_host {
        true => format!("; {} GB/s with the host's memory", digits(rates.host_bytes_per_second / 1e9)),
        false => String::new(),
    };
    let mut lines = vec![
        format!(
            "products     {} TFLOP/s, {} of it in an update, {} in sampling",
            digits(rates.operations_per_second / 1e12),
            percent(rates.update_utilisation),
            percent(rates.sampling_utilisation)
        ),
        format!(
            "memory       {} TB/s, {} of it{states}",
            digits(rates.memory_bytes_per_second / 1e12),
            percent(rates.memory_utilisation)
        ),
        format!(
            "links        {} GB/s within a host, {} GB/s between hosts, {} us an operation{with_host}",
            digits(rates.within_host_bytes_per_second / 1e9),
            digits(rates.between_hosts_bytes_per_second / 1e9),
            digits(1e6 * rates.link_seconds)
        ),
        format!(
            "launches     {} of a block for a sampled token, {} us each",
            rates.launches_per_block,
            digits(1e6 * rates.launch_seconds)
        ),
        format!("lengths      {} of the longest on average", percent(rates.mean_completion)),
    ];
    if let Some(completions) = work.completions {
        lines.push(format!("draws        {} a group", rates.draws_per_group.min(completions.max_rounds as f64)));
    }
    format!("assumed\n{}\n", lines.join("\n"))
}

/// A number of three digits, from which zeros behind the point are dropped.
fn digits(value: f64) -> String {
    let behind = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{value:.behind$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([989.0, 3.35, 0.18143, 12_345.0, 5.0, 0.0].map(digits), ["989", "3.35", "0.181", "12345", "5", "0"]);
    }

    #[test]
    fn heads_that_ranks_cannot_share_are_refused_with_what_can_be_chosen() {
        let model = |heads, kv_heads| ModelSizes {
            vocab: 152_064,
            hidden: 5120,
            intermediate: 27_648,
            blocks: 64,
            heads,
            kv_heads,
            head_dim: 128,
            qkv_bias: true,
            qk_norm: false,
            tied: false,
        };
        let (large, small) = (model(40, 8), model(12, 2));
        let checked = |tensor, context, sizes, other| {
            let axes = Axes { tensor, context, ..Axes::ONE };
            check_heads(&axes, sizes, other).map_err(|error| error.to_string())
        };
        assert_eq!(checked(4, 1, &small, None), Ok(()));
        assert_eq!(checked(4, 2, &large, Some(&small)), Ok(()));
        let refused = |tensor, context, other| checked(tensor, context, &large, other).unwrap_err();
        for (said, words) in [
            (refused(3, 1, None), ["parallel.tensor: 3 does not divide the model's 40 heads", "of 1, 2, 4, 8, 40"]),
            (refused(8, 1, Some(&small)), ["divide the reward model's 12 heads", "of 1, 2, 4, 6, 12"]),
            (refused(8, 2, None), ["parallel.context: 2 does not divide a rank's", "of 1, 5"]),
        ] {
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }

    #[test]
    fn without_gpus_a_layout_takes_as_few_ranks_as_it_can() {
        let layout = |replica, shard, tensor| Layout { replica, shard, context: 1, tensor };
        assert_eq!(resolved(layout(1, -1, 8), None).unwrap(), Axes { tensor: 8, ..Axes::ONE });
        assert_eq!(
            resolved(layout(2, -1, 4), Some(16)).unwrap(),
            Axes { replicate: 2, shard: 2, context: 1, tensor: 4 }
        );
        let refused = resolved(layout(-1, 3, 1), Some(8)).unwrap_err().to_string();
        assert!(refused.starts_with("parallel.replicate: ") && !refused.contains("WORLD_SIZE"), "{refused}");
    }
}
