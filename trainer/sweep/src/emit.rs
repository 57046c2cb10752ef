//! Jobs for clusters: Slurm's job array and Kubernetes' indexed job, whose every index runs one cell. Shared units are
//! run by whichever cell comes first; the others wait for it.
//!
//! Sources: sbatch(1), `--array`, `--requeue`; the Kubernetes API, batch/v1 Job with `completionMode: Indexed`,
//! `backoffLimitPerIndex` and `podFailurePolicy` (1.33, or earlier with their feature gates).

use std::fmt::Write;

use crate::cluster::ClusterSection;
use crate::error::SweepError;
use crate::identity::digits_of;
use crate::plan::{Cell, Plan};
use crate::shell::quoted;

/// What jobs are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// A batch script for `sbatch`.
    Slurm,
    /// A manifest for `kubectl apply`.
    Kubernetes,
}

/// A sweep as its jobs need it.
#[derive(Debug, Clone, Copy)]
pub struct JobArray<'a> {
    /// Name of the sweep.
    pub name: &'a str,
    /// The sweep's file, as the trainer is given it.
    pub file: &'a str,
    /// Number of cells.
    pub num_cells: usize,
    /// Mark of the cells and their order, by which an index stays what it is.
    pub mark: &'a str,
    /// Resources of each.
    pub cluster: &'a ClusterSection,
}

impl JobArray<'_> {
    /// The jobs' file.
    ///
    /// # Errors
    /// A setting cannot be written so that it is read as it is.
    pub fn write(&self, scheduler: Scheduler) -> Result<String, SweepError> {
        let ClusterSection { sbatch, setup, trainer, image, volume_claim, work_dir, .. } = self.cluster;
        let texts = [trainer, image, volume_claim, work_dir].into_iter().chain(sbatch).chain(setup);
        if let Some(text) = texts.chain([&self.file.to_owned()]).find(|text| text.contains(['\n', '\r', '\0'])) {
            return Err(SweepError::invalid(format!("cluster: {text:?} has more than one line")));
        }
        for (key, path) in [("trainer", trainer), ("work_dir", work_dir)] {
            if path.starts_with('~') {
                return Err(SweepError::invalid(format!(
                    "cluster.{key}: `{path}` is a path that only a shell would expand; write it from / on"
                )));
            }
        }
        if self.cluster.cpus == 0 {
            return Err(SweepError::invalid("cluster.cpus: must be at least 1"));
        }
        if self.cluster.nodes == 0 || (scheduler == Scheduler::Kubernetes && self.cluster.nodes > 1) {
            let nodes = self.cluster.nodes;
            return Err(SweepError::invalid(format!(
                "cluster.nodes: is {nodes}; a cell has 1 host, or under Slurm more"
            )));
        }
        Ok(match scheduler {
            Scheduler::Slurm => self.slurm(),
            Scheduler::Kubernetes => self.kubernetes(),
        })
    }

    fn last(&self) -> usize {
        self.num_cells.saturating_sub(1)
    }

    fn slurm(&self) -> String {
        let ClusterSection { nodes, gpus, cpus, memory_gib, hours, .. } = self.cluster;
        let ClusterSection { parallel, sbatch, setup, trainer, work_dir, .. } = self.cluster;
        let mut text = String::from("#!/bin/bash\n");
        let mut option = |option: String| _ = writeln!(text, "#SBATCH {option}");
        option(format!("--job-name={}", self.name));
        let at_once = if *parallel > 0 { format!("%{parallel}") } else { String::new() };
        option(format!("--array=0-{}{at_once}", self.last()));
        option(format!("--nodes={nodes}"));
        if *nodes == 1 {
            option("--ntasks=1".into());
            option(format!("--cpus-per-task={cpus}"));
        }
        option(format!("--mem={memory_gib}G"));
        if *gpus > 0 {
            option(format!("--gpus-per-node={gpus}"));
        }
        if *hours > 0 {
            option(format!("--time={hours}:00:00"));
        }
        // The trainer saves its step within the time between the two signals.
        option("--signal=B:TERM@300".into());
        option("--requeue".into());
        option("--open-mode=append".into());
        option(format!("--output={}-%A_%a.log", self.name));
        sbatch.iter().for_each(|more| option(more.clone()));
        text.push_str(
            "# Each index is one cell. What cells share is run by the first that comes to it; the others wait.\n\
             # When all have ended, on any host that sees the folder:\n",
        );
        let program = quoted(trainer);
        let file = quoted(self.file);
        let mark = quoted(self.mark);
        let _ = writeln!(text, "#   {trainer} sweep {file} --collect");
        text.push_str("set -u\n");
        if !work_dir.is_empty() {
            let _ = writeln!(text, "cd {} || exit 2", quoted(work_dir));
        }
        setup.iter().for_each(|line| _ = writeln!(text, "{line}"));
        let _ = write!(
            text,
            "# This step is the first of no ranks: `srun` numbers its tasks anew, by what else Slurm says here.\n\
             env -u SLURM_PROCID {program} sweep {file} --cell \"$SLURM_ARRAY_TASK_ID\" --of {mark} &\n\
             cell=$!\n\
             trap 'kill -TERM \"$cell\" 2>/dev/null' TERM INT\n\
             wait \"$cell\"\n\
             code=$?\n\
             # A trap ends the first wait; the cell then saves its step, and says how it ended.\n\
             while kill -0 \"$cell\" 2>/dev/null; do wait \"$cell\"; code=$?; done\n\
             # 130: asked to make room, and saved. The array's index begins again and goes on.\n\
             if [ \"$code\" -eq 130 ]; then scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"; fi\n\
             exit \"$code\"\n"
        );
        text
    }

    fn kubernetes(&self) -> String {
        let ClusterSection { gpus, cpus, memory_gib, hours, parallel, trainer, image, volume_claim, work_dir, .. } =
            self.cluster;
        let name = yaml(&label(self.name));
        let num_cells = self.num_cells;
        let at_once = if *parallel > 0 { (*parallel as usize).min(num_cells) } else { num_cells };
        let attempts = self.cluster.attempts.saturating_sub(1);
        let work_dir = if work_dir.is_empty() { "/work" } else { work_dir };
        let gpu = if *gpus > 0 { format!(", nvidia.com/gpu: \"{gpus}\"") } else { String::new() };
        let deadline = if *hours > 0 {
            format!("      activeDeadlineSeconds: {}\n", u64::from(*hours) * 3600)
        } else {
            String::new()
        };
        let [program, file, mark] = [trainer.as_str(), self.file, self.mark].map(yaml);
        let command = format!("[{program}, sweep, {file}, --cell, $(JOB_COMPLETION_INDEX), --of, {mark}]");
        let collect = format!("#   {trainer} sweep {} --collect\n", quoted(self.file));
        format!(
            "# Each index is one cell. What cells share is run by the first that comes to it; the others wait, so the\n\
             # volume must be one that all pods may write and lock (ReadWriteMany). When all have ended, in a pod\n\
             # with the same volume:\n\
             {collect}\
             apiVersion: batch/v1\n\
             kind: Job\n\
             metadata:\n\
             \x20 name: {name}\n\
             spec:\n\
             \x20 completionMode: Indexed\n\
             \x20 completions: {num_cells}\n\
             \x20 parallelism: {at_once}\n\
             \x20 # A lost machine is tried again; a cell that failed (1) or is configured wrongly (2) is not.\n\
             \x20 backoffLimitPerIndex: {attempts}\n\
             \x20 maxFailedIndexes: {num_cells}\n\
             \x20 podFailurePolicy:\n\
             \x20   rules:\n\
             \x20     - action: FailIndex\n\
             \x20       onExitCodes: {{containerName: cell, operator: In, values: [1, 2]}}\n\
             \x20     - action: Ignore\n\
             \x20       onPodConditions: [{{type: DisruptionTarget}}]\n\
             \x20 template:\n\
             \x20   metadata:\n\
             \x20     labels: {{app: {name}}}\n\
             \x20   spec:\n\
             {deadline}\
             \x20     restartPolicy: Never\n\
             \x20     automountServiceAccountToken: false\n\
             \x20     terminationGracePeriodSeconds: 300\n\
             \x20     containers:\n\
             \x20       - name: cell\n\
             \x20         image: {image}\n\
             \x20         workingDir: {work_dir}\n\
             \x20         command: {command}\n\
             \x20         resources:\n\
             \x20           requests: {{cpu: \"{cpus}\", memory: {memory_gib}Gi}}\n\
             \x20           limits: {{memory: {memory_gib}Gi{gpu}}}\n\
             \x20         volumeMounts:\n\
             \x20           - {{name: work, mountPath: {work_dir}}}\n\
             \x20     volumes:\n\
             \x20       - name: work\n\
             \x20         persistentVolumeClaim: {{claimName: {volume_claim}}}\n",
            image = yaml(image),
            work_dir = yaml(work_dir),
            volume_claim = yaml(volume_claim),
        )
    }
}

/// Mark of all cells of a plan and their order, which jobs carry: their number, and the checksum of arms and seeds.
pub fn mark_of(plan: &Plan) -> String {
    mark(&plan.cells)
}

/// Refuses an index of jobs that were written for other cells, or in another order. Cells that came later change
/// nothing.
///
/// # Errors
/// The mark is not that of as many of the plan's cells.
pub fn check_mark(plan: &Plan, given: &str) -> Result<(), SweepError> {
    let num_cells: Option<usize> = given.split_once('-').and_then(|(num_cells, _)| num_cells.parse().ok());
    if num_cells.and_then(|num_cells| plan.cells.get(..num_cells)).is_some_and(|cells| mark(cells) == given) {
        return Ok(());
    }
    Err(SweepError::invalid(format!(
        "--of {given}: these jobs were written for other cells than the file has now (its mark is {}): write them \
         again with --emit",
        mark_of(plan)
    )))
}

fn mark(cells: &[Cell]) -> String {
    let labels: Vec<String> = cells.iter().map(Cell::label).collect();
    format!("{}-{}", cells.len(), digits_of(labels.join("\n").as_bytes()))
}

/// A text of YAML: its double-quoted form is JSON's.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name as Kubernetes takes it: lower case letters, digits and `-` (RFC 1123), 52 at most, for pods add to it.
fn label(name: &str) -> String {
    let fit = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let label: String = name.chars().map(fit).take(52).collect();
    let label = label.trim_matches('-');
    if label.is_empty() { "sweep".to_owned() } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array<'a>(cluster: &'a ClusterSection, file: &'a str) -> JobArray<'a> {
        JobArray { name: "Clip_1", file, num_cells: 6, mark: "6-3f2a", cluster }
    }

    #[test]
    fn a_slurm_script_is_shell_and_runs_its_index() {
        let cluster = ClusterSection {
            gpus: 8,
            hours: 12,
            parallel: 2,
            sbatch: vec!["--partition=gpu".into()],
            setup: vec!["echo ready".into()],
            trainer: "./stub".into(),
            ..ClusterSection::default()
        };
        let text = array(&cluster, "my sweep.toml").write(Scheduler::Slurm).unwrap();
        for words in ["--array=0-5%2", "--gpus-per-node=8", "--time=12:00:00", "--partition=gpu", "--mem=8G"] {
            assert!(text.contains(&format!("#SBATCH {words}\n")) || text.contains(words), "{words}: {text}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("job.sh"), &text).unwrap();
        let stub =
            "#!/bin/sh\necho \"$@\"\necho \"${SLURM_PROCID-none} $SLURM_NTASKS $MASTER_ADDR\"\nexit $STUB_CODE\n";
        std::fs::write(folder.path().join("stub"), stub).unwrap();
        std::fs::write(folder.path().join("scontrol"), "#!/bin/sh\necho scontrol \"$@\"\n").unwrap();
        for name in ["stub", "scontrol"] {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        let run = |code: &str| {
            let path = format!("{}:/usr/bin:/bin", folder.path().display());
            let output = std::process::Command::new("bash")
                .arg("job.sh")
                .current_dir(folder.path())
                .envs([
                    ("SLURM_ARRAY_TASK_ID", "3"),
                    ("SLURM_ARRAY_JOB_ID", "77"),
                    // A batch step is task 0, as the first of ranks is; `srun` takes the number of tasks from here.
                    ("SLURM_PROCID", "0"),
                    ("SLURM_NTASKS", "64"),
                    ("MASTER_ADDR", "first"),
                    ("STUB_CODE", code),
                    ("PATH", &path),
                ])
                .output()
                .unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        assert_eq!(run("0"), (Some(0), "ready\nsweep my sweep.toml --cell 3 --of 6-3f2a\nnone 64 first\n".to_owned()));
        assert_eq!(run("1").0, Some(1));
        let (code, said) = run("130");
        assert!(code == Some(130) && said.ends_with("scontrol requeue 77_3\n"), "{said}");
    }

    #[test]
    fn a_kubernetes_job_has_an_index_for_every_cell() {
        let cluster = ClusterSection { gpus: 8, image: "registry/ponder:1".into(), ..ClusterSection::default() };
        let text = array(&cluster, "s.toml").write(Scheduler::Kubernetes).unwrap();
        for line in [
            "  name: \"clip-1\"",
            "      labels: {app: \"clip-1\"}",
            "  completionMode: Indexed",
            "  completions: 6",
            "  parallelism: 6",
            "  backoffLimitPerIndex: 3",
            "          command: [\"trainer\", sweep, \"s.toml\", --cell, $(JOB_COMPLETION_INDEX), --of, \"6-3f2a\"]",
            "          image: \"registry/ponder:1\"",
            "            limits: {memory: 8Gi, nvidia.com/gpu: \"8\"}",
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in:\n{text}");
        }
        assert!(!text.contains("activeDeadlineSeconds"));
        let limited = ClusterSection { hours: 2, parallel: 2, ..cluster };
        let text = array(&limited, "sweep.toml").write(Scheduler::Kubernetes).unwrap();
        assert!(text.contains("      activeDeadlineSeconds: 7200\n") && text.contains("  parallelism: 2\n"), "{text}");
    }

    /// YAML reads a plain 20240601, `on` or `null` as something else than a text.
    #[test]
    fn any_name_of_a_sweep_is_a_text_of_a_kubernetes_job() {
        let cluster = ClusterSection::default();
        for name in ["20240601", "on", "null", "2024-06-01"] {
            let text = JobArray { name, ..array(&cluster, "s.toml") }.write(Scheduler::Kubernetes).unwrap();
            for line in [format!("  name: \"{name}\"\n"), format!("      labels: {{app: \"{name}\"}}\n")] {
                assert!(text.contains(&line), "no `{line}` in:\n{text}");
            }
        }
    }

    #[test]
    fn a_setting_that_no_scheduler_can_take_is_refused() {
        let cluster = ClusterSection { image: "a\nb".into(), ..ClusterSection::default() };
        for scheduler in [Scheduler::Slurm, Scheduler::Kubernetes] {
            assert!(array(&cluster, "x").write(scheduler).unwrap_err().to_string().contains("more than one line"));
        }
        for (cluster, words) in [
            (
                ClusterSection { trainer: "~/bin/trainer".into(), ..ClusterSection::default() },
                "cluster.trainer: `~/bin",
            ),
            (ClusterSection { work_dir: "~".into(), ..ClusterSection::default() }, "cluster.work_dir: `~`"),
            (ClusterSection { cpus: 0, ..ClusterSection::default() }, "cluster.cpus: must be at least 1"),
        ] {
            let said = array(&cluster, "x").write(Scheduler::Slurm).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
        let wide = ClusterSection { nodes: 2, ..ClusterSection::default() };
        assert!(array(&wide, "x").write(Scheduler::Kubernetes).unwrap_err().to_string().contains("cluster.nodes"));
        let text = array(&wide, "x").write(Scheduler::Slurm).unwrap();
        assert!(text.contains("#SBATCH --nodes=2\n") && !text.contains("--ntasks="), "{text}");
        assert_eq!(label("---"), "sweep");
    }
}
