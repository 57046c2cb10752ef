//! A program that trains nothing: a shell script that writes what a run leaves in its folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sweep::SweepError;
use sweep::collect::collect;
use sweep::file::SweepFile;
use sweep::measured::MeasuredCell;
use sweep::plan::Plan;
use sweep::program::{Phase, Program, Request, Resolved, SharedKey, Start};
use sweep::runner::{Event, RunOptions, SweepEnd, run_plan};

/// Each step adds `rate` times the seed to what the checkpoint holds. `fault` is how it ends before the third.
const SCRIPT: &str = r#"
config=$1; run=$2; until=$3; counts=$4
key() { sed -n "s/^$1 = //p" "$config" | tail -n 1 | tr -d '"'; }
rate=$(key rate); seed=$(key run.seed); steps=$(key update.steps); fault=$(key fault); from=$(key model.path)
[ -n "$until" ] && steps=$until
mkdir -p "$run/checkpoints" "$run/eval"
step=$(ls "$run/checkpoints" | wc -l)
value=0
[ -n "$from" ] && value=$(cat "$from/value")
[ "$step" -gt 0 ] && value=$(cat "$run/checkpoints/$(printf 'step_%05d' "$step")/value")
while [ "$step" -lt "$steps" ]; do
  step=$((step + 1))
  if [ "$fault" = often ] && [ ! -e "$run/killed-$step" ]; then touch "$run/killed-$step"; kill -KILL $$; fi
  if [ "$step" -eq 3 ]; then
    case $fault in
      nan) echo "error: 3 updates in a row had a loss that is not finite"; exit 1 ;;
      kill) kill -KILL $$ ;;
      once) [ -e "$run/killed" ] || { touch "$run/killed"; kill -KILL $$; } ;;
      forget) [ -e "$counts.forgot" ] || { touch "$counts.forgot"; exit 0; } ;;
      stop) [ -e "$run/stopped" ] || { touch "$run/stopped"; exit 75; } ;;
      wait) trap 'exit 75' TERM; touch "$run/waits"; while [ ! -e "$counts.go" ]; do sleep 0.01; done ;;
    esac
  fi
  echo "$(basename "$(dirname "$run")") $step" >> "$counts"
  value=$(awk "BEGIN { print $value + $rate * $seed }")
  name=$(printf 'step_%05d' "$step")
  row='{"step": %s, "reward/mean": %s, "eval/maths/pass@1": %s, "time/step": 0.5}\n'
  [ "$fault$step" = away4 ] && row='{"step": %s, "reward/mean": %s, "time/eval": %s}\n'
  printf "$row" "$step" "$value" "$value" >> "$run/metrics.jsonl"
  tasks='[{"task_id": "a", "pass@1": %s, "num_samples": 1}, {"task_id": "b", "pass@1": 0.5, "num_samples": 1}]'
  rest='"num_tasks": 2, "num_samples": 1, "standard_error": null, "interval": [0, 1], "pass@k": 1, "avg@k": 1'
  rest="$rest, "'"completion_tokens_mean": 1, "truncated": 0, "num_verifier_errors": 0, "seconds": 1'
  printf '[{"dataset": "maths", "pass@1": %s, '"$rest"', "tasks": '"$tasks"'}]' "$value" "$value" \
    > "$run/eval/$name.json"
  checkpoint="$run/checkpoints/$name"
  mkdir "$checkpoint.tmp"; echo "$value" > "$checkpoint.tmp/value"; mv "$checkpoint.tmp" "$checkpoint"
done
"#;

/// The program, in a folder of its own.
pub(crate) struct Fake {
    pub folder: tempfile::TempDir,
    pub data: Option<BTreeMap<String, String>>,
    pub version: Mutex<String>,
}

impl Program for Fake {
    fn version(&self) -> Result<String, String> {
        Ok(self.version.lock().unwrap().clone())
    }

    fn resolve(&self, request: &Request<'_>) -> Result<Resolved, String> {
        let text = fs::read_to_string(request.file).map_err(|error| format!("{}: {error}", request.file.display()))?;
        let seed = format!("run.seed={}", request.seed);
        let mut config: BTreeMap<String, String> = BTreeMap::new();
        for line in text.lines().chain(request.assignments.iter().map(String::as_str)).chain([seed.as_str()]) {
            let (key, value) = line.split_once('=').ok_or(format!("`{line}` is no assignment"))?;
            config.insert(key.trim().into(), value.trim().into());
        }
        if config.get("rate").is_some_and(|rate| rate.parse::<f64>().is_err()) {
            return Err(format!("--set rate={}: no number", config["rate"]));
        }
        if let Some(data) = request.data {
            config.insert("data.path".into(), data.display().to_string());
        }
        let text: String = config.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let inputs = self.inputs_of(&config, request.units);
        config.retain(|key, _| !inputs.contains_key(key));
        let steps = config.get("update.steps").and_then(|steps| steps.parse().ok()).ok_or("update.steps is missing")?;
        let needs = config.get("needs").filter(|name| !self.path(name).exists());
        let missing = needs.map(|name| format!("needs: there is nothing at {name}")).into_iter().collect();
        let datasets = vec!["maths".to_owned()];
        let own = |key: &str| Some(key.to_owned()).filter(|key| !config.contains_key(key));
        let shared = [("limit", own("eval.limit")), ("prompt", None)];
        let shared = shared.into_iter().filter(|(key, own)| *key == "prompt" || own.is_some());
        Ok(Resolved {
            shared: shared.map(|(key, own)| SharedKey { key: key.to_owned(), own }).collect(),
            unrecorded: vec![("critic/".to_owned(), "the run has no critic".to_owned())],
            config,
            inputs,
            missing,
            text,
            steps,
            evaluations: (1..=steps).collect(),
            datasets,
        })
    }

    fn inputs(&self, _: &str, text: &str, units: &Path) -> Result<BTreeMap<String, String>, String> {
        let pairs = text.lines().filter_map(|line| line.split_once(" = "));
        let config = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(self.inputs_of(&config, units))
    }

    fn generated(&self) -> Option<BTreeMap<String, String>> {
        self.data.clone()
    }

    fn generate(&self, folder: &Path) -> Result<(), String> {
        self.count("data 0");
        fs::write(folder.join("tasks.jsonl"), "a task").map_err(|error| error.to_string())
    }

    fn command(&self, start: &Start<'_>) -> Vec<OsString> {
        let until = start.until.map_or(String::new(), |step| step.to_string());
        let mut command = ["sh", "-c", SCRIPT, "fake"].map(OsString::from).to_vec();
        command.extend([start.config.into(), start.run.into(), until.into(), self.counts().into()]);
        command
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap(), data: None, version: Mutex::new("fake 1".into()) };
        fake.write("cold.toml", "rate = 1\nupdate.steps = 4\n");
        fake.write("stage.toml", "rate = 2\nupdate.steps = 4\n");
        fake
    }

    /// What a configuration reads: paths below the units, and the text of `tasks`.
    fn inputs_of(&self, config: &BTreeMap<String, String>, units: &Path) -> BTreeMap<String, String> {
        let below = |path: &str| {
            let below = Path::new(path.trim_matches('"')).strip_prefix(units).ok();
            below.map_or("outside".to_owned(), |path| path.display().to_string())
        };
        let made =
            ["model.path", "data.path"].into_iter().filter_map(|key| Some((key.to_owned(), below(config.get(key)?))));
        let tasks = config.get("tasks").map(|name| fs::read_to_string(self.path(name)).unwrap_or_default());
        made.chain(tasks.map(|text| ("tasks".to_owned(), text))).collect()
    }

    /// Puts another build of the program in the place of this one.
    pub(crate) fn rebuild(&self, version: &str) {
        *self.version.lock().unwrap() = version.to_owned();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn counts(&self) -> PathBuf {
        self.path("counts")
    }

    fn count(&self, line: &str) {
        let counts = fs::read_to_string(self.counts()).unwrap_or_default();
        fs::write(self.counts(), format!("{counts}{line}\n")).unwrap();
    }

    /// Steps that were done, over all runs.
    pub(crate) fn steps_done(&self) -> usize {
        fs::read_to_string(self.counts()).unwrap_or_default().lines().count()
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        let phase = |name: &str, file: &str, reads: &[(&str, &str)]| Phase {
            name: name.into(),
            file: self.path(file),
            reads: reads.iter().map(|(key, phase)| ((*key).to_owned(), (*phase).to_owned())).collect(),
        };
        vec![phase("cold-start", "cold.toml", &[]), phase("stage-1", "stage.toml", &[("model.path", "cold-start")])]
    }

    /// A sweep in the folder `sweep`, of a file that ends with `text`.
    pub(crate) fn file(&self, text: &str) -> SweepFile {
        let dir = self.path("sweep");
        let head = format!("name = \"fake\"\ndir = {dir:?}\nseeds = [1, 2]\n");
        let figure = "[[figure]]\nname = \"maths\"\nmetric = \"eval/maths/pass@1\"\nprimary = true\n";
        let base = if text.contains("[base]") { "" } else { "[base]\nrecipe = \"r\"\nthrough = \"stage-1\"\n" };
        let path = self.path("sweep.toml");
        fs::write(&path, format!("{head}{base}{text}\n{figure}")).unwrap();
        SweepFile::read(&path).unwrap()
    }

    pub(crate) fn plan_of(&self, file: SweepFile) -> Result<Plan, SweepError> {
        Plan::new(file, self.folder.path(), &self.phases(), None, self)
    }

    pub(crate) fn plan(&self, text: &str) -> Plan {
        self.plan_of(self.file(text)).unwrap()
    }

    pub(crate) fn refusal(&self, text: &str) -> String {
        self.plan_of(self.file(text)).unwrap_err().to_string()
    }

    /// Runs a plan to its end; the lines tell which cells ended, and how.
    pub(crate) fn run(&self, plan: &Plan, options: RunOptions) -> (SweepEnd, Vec<String>) {
        let mut said = Vec::new();
        let end = run_plan(plan, self, options, &|| false, &mut |event| {
            if let Event::CellEnded { cell, state, failure, num_left } = event {
                let words = failure.clone().unwrap_or_default();
                said.push(format!("{} {state:?} {num_left} {words}", cell.label()));
            }
        });
        (end.unwrap(), said)
    }
}

/// What of a cell does not depend on time.
pub(crate) fn table(plan: &Plan) -> Vec<MeasuredCell> {
    let mut cells = collect(plan);
    cells.iter_mut().for_each(|cell| cell.seconds = 0.0);
    cells
}

/// One figure of a cell.
pub(crate) fn figure(plan: &Plan, arm: &str, seed: u64) -> f64 {
    let cells = collect(plan);
    let cell = cells.iter().find(|cell| cell.arm == arm && cell.seed == seed).unwrap();
    cell.figures["maths"].value
}
