//! Downloads from a hub on this machine: good, slow, cut off, lying about sizes and hashes, and gone on with.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub::{Event, Hub, HubError, HubName, Kind, ModelFiles, Origin};

use crate::support::{COMMIT, Files, Reply, Server, User, is_of_terms, model};

/// Weights of several pieces.
const NUM_BYTES: usize = 700_000;
const WEIGHTS: &str = "model.safetensors";

#[test]
fn a_model_comes_once_and_says_how_far_it_is() {
    let files = Files::model(NUM_BYTES).with("tokenizer.json", "{}").with("onnx/model.onnx", "other");
    let (server, weights) = (Server::of(files.clone()), files.0[WEIGHTS].clone());
    let user = User::of(&server);
    let mut events = Vec::new();
    let snapshot = user.model_with(&mut |event| events.push(format!("{event:?}"))).unwrap();
    assert_eq!(snapshot.commit, COMMIT);
    assert_eq!(fs::read(snapshot.folder.join(WEIGHTS)).unwrap(), weights);
    assert!(snapshot.folder.join("tokenizer.json").is_file());
    assert!(!snapshot.folder.join("model.bin").exists() && !snapshot.folder.join("onnx").exists());
    assert_eq!(Origin::of_path(&snapshot.folder).unwrap().to_string(), format!("org/name@{COMMIT}"));
    assert!(events[0].starts_with("Begin") && events[0].contains("num_files: 3"), "{}", events[0]);
    assert!(events.iter().any(|event| event.starts_with("Progress") && event.contains(WEIGHTS)));
    assert!(events.last().unwrap().starts_with("End"));

    // All is there: only the commit is asked for.
    let before = server.requests().len();
    let again = user.model_with(&mut |event| panic!("{event:?}")).unwrap();
    assert_eq!((again, server.requests().len()), (snapshot, before + 1));
}

#[test]
fn every_shard_of_the_index_comes_or_the_one_that_is_missing_is_named() {
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = serde_json::json!({"weight_map": {"a": shards[0], "b": shards[1]}}).to_string();
    let mut files = Files::default().with("config.json", "{}").with("model.safetensors.index.json", index);
    files = files.with(shards[0], "first").with(shards[1], "second");
    let user = User::of(&Server::of(files.clone()));
    let whole = user.model().unwrap();
    assert_eq!(fs::read(whole.folder.join(shards[1])).unwrap(), b"second");

    files.0.remove(shards[1]);
    let server = Server::of(files);
    let error = User::of(&server).model().unwrap_err().to_string();
    assert!(error.contains(shards[1]) && error.contains("model.safetensors.index.json"), "{error}");
    assert_eq!(server.num_requests(shards[0]), 0, "nothing of a torso is downloaded");
}

#[test]
fn a_model_without_safetensors_is_refused() {
    let server = Server::of(Files::default().with("config.json", "{}").with("pytorch_model.bin", "old"));
    let error = User::of(&server).model().unwrap_err().to_string();
    assert!(error.contains("neither model.safetensors"), "{error}");
    // Its texts can be had all the same.
    let user = User::of(&server);
    Hub::new(user.settings, is_of_terms).model(&model("org/name"), ModelFiles::Texts, &mut |_| ()).unwrap();
}

#[test]
fn a_download_that_is_cut_off_goes_on_where_it_was() {
    let files = Files::model(NUM_BYTES);
    let weights = files.0[WEIGHTS].clone();
    let server = Server::start(move |request, _| {
        let reply = files.answer(request);
        // Each answer brings at most a third.
        Reply { cut: request.path.ends_with(WEIGHTS).then_some(NUM_BYTES / 3), ..reply }
    });
    let user = User::of(&server);
    let mut retries = 0;
    let snapshot = user.model_with(&mut |event| retries += usize::from(matches!(event, Event::Retry { .. }))).unwrap();
    assert_eq!(fs::read(snapshot.folder.join(WEIGHTS)).unwrap(), weights);
    let asked: Vec<Option<usize>> = server
        .requests()
        .iter()
        .filter(|request| request.path.ends_with(WEIGHTS))
        .map(|request| request.from())
        .collect();
    assert_eq!(asked[0], None);
    assert!(asked.len() == 4 && asked.windows(2).all(|pair| pair[1] > pair[0]), "{asked:?}");
    assert_eq!(retries, 3);
    assert!(user.blobs().iter().all(|name| !name.contains("incomplete")), "{:?}", user.blobs());
}

#[test]
fn what_another_process_began_is_gone_on_with() {
    let files = Files::model(NUM_BYTES);
    let broken = files.clone();
    let (num_asked, weights) = (AtomicUsize::new(0), files.0[WEIGHTS].clone());
    let server = Server::start(move |request, _| {
        let reply = broken.answer(request);
        let is_weights = request.path.ends_with(WEIGHTS);
        // The connection breaks, and then the hub is away for as long as this process asks.
        match is_weights.then(|| num_asked.fetch_add(1, Ordering::SeqCst)) {
            Some(0) => Reply { cut: Some(NUM_BYTES / 2), ..reply },
            Some(1..=3) => Reply::new(503, ""),
            _ => reply,
        }
    });
    let user = User::of(&server);
    let error = user.model().unwrap_err();
    assert!(matches!(error, HubError::Away { .. }) && error.to_string().contains(WEIGHTS), "{error}");
    assert!(user.offline().model(&model("org/name"), ModelFiles::All, &mut |_| ()).is_err());
    let mut begun = 0;
    let snapshot = user.model_with(&mut |event| {
        if let Event::Begin { received, .. } = event {
            begun = received;
        }
    });
    assert_eq!(fs::read(snapshot.unwrap().folder.join(WEIGHTS)).unwrap(), weights);
    assert!(begun > 0);
    assert_eq!(server.requests().last().unwrap().from(), Some(begun as usize));
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let files = Files::model(NUM_BYTES);
    let (weights, num_asked) = (files.0[WEIGHTS].clone(), AtomicUsize::new(0));
    let server = Server::start(move |request, _| {
        let mut plain = request.clone();
        plain.headers.remove("range");
        let reply = files.answer(&plain);
        let is_first = request.path.ends_with(WEIGHTS) && num_asked.fetch_add(1, Ordering::SeqCst) == 0;
        Reply { cut: is_first.then_some(1000), ..reply }
    });
    let user = User::of(&server);
    let snapshot = user.model().unwrap();
    assert_eq!(fs::read(snapshot.folder.join(WEIGHTS)).unwrap(), weights);
}

#[test]
fn a_server_that_begins_anew_and_never_comes_further_is_given_up() {
    let files = Files::model(NUM_BYTES);
    let server = Server::start(move |request, _| {
        let mut plain = request.clone();
        plain.headers.remove("range");
        let reply = files.answer(&plain);
        Reply { cut: request.path.ends_with(WEIGHTS).then_some(NUM_BYTES / 2), ..reply }
    });
    let user = User::of(&server);
    let error = user.model().unwrap_err();
    assert!(matches!(error, HubError::Away { .. }) && error.to_string().contains(WEIGHTS), "{error}");
    // The first answer brings new ground, and three in a row none.
    assert!(server.num_requests(WEIGHTS) <= 4, "{}", server.num_requests(WEIGHTS));
}

#[test]
fn a_slow_download_is_whole_and_a_silent_one_is_asked_again() {
    let files = Files::model(20_000);
    let num_asked = AtomicUsize::new(0);
    let weights = files.0[WEIGHTS].clone();
    let server = Server::start(move |request, _| {
        let reply = files.answer(request);
        if !request.path.ends_with(WEIGHTS) {
            return reply;
        }
        match num_asked.fetch_add(1, Ordering::SeqCst) {
            // Longer than the longest silence between two pieces.
            0 => Reply { slow: Some((2, Duration::from_millis(800))), ..reply },
            // Longer in all, and never silent for so long.
            _ => Reply { slow: Some((10, Duration::from_millis(60))), ..reply },
        }
    });
    let mut user = User::of(&server);
    user.settings.patience.silence = Duration::from_millis(300);
    let snapshot = user.model().unwrap();
    assert_eq!(fs::read(snapshot.folder.join(WEIGHTS)).unwrap(), weights);
    // On a busy machine a piece may come late once more.
    assert!(server.num_requests(WEIGHTS) >= 2, "{}", server.num_requests(WEIGHTS));
}

/// The list says something else of the weights than what comes.
fn lied_to(change: impl Fn(&mut serde_json::Value) + Send + Sync + 'static) -> (String, Vec<String>) {
    let files = Files::model(5000);
    let server = Server::start(move |request, _| {
        if !request.path.starts_with("/api/") {
            return files.answer(request);
        }
        let mut list = files.list();
        let siblings = list["siblings"].as_array_mut().unwrap();
        change(siblings.iter_mut().find(|file| file["rfilename"] == WEIGHTS).unwrap());
        Reply::new(200, list.to_string())
    });
    let user = User::of(&server);
    let error = user.model().unwrap_err().to_string();
    // Neither a name for it nor a commit: nothing can take it for whole.
    assert!(user.offline().model(&model("org/name"), ModelFiles::All, &mut |_| ()).is_err());
    (error, user.blobs())
}

#[test]
fn a_file_of_another_hash_or_size_is_named_and_not_kept() {
    let other = "ab".repeat(32);
    let (error, blobs) = lied_to(move |file| file["lfs"]["sha256"] = other.clone().into());
    assert!(error.contains(WEIGHTS) && error.contains("SHA-256 abab"), "{error}");
    assert_eq!(blobs.len(), 1, "the configuration alone: {blobs:?}");
    let (error, blobs) = lied_to(|file| file["lfs"]["size"] = 4000.into());
    assert!(error.contains(WEIGHTS) && error.contains("more than the 4000 bytes"), "{error}");
    assert_eq!(blobs.len(), 1, "{blobs:?}");
    let (error, _) = lied_to(|file| file["lfs"]["size"] = 6000.into());
    assert!(error.contains(WEIGHTS) && error.contains("5000 of 6000 bytes"), "{error}");
    // A small file's hash is Git's.
    let (error, _) = lied_to(|file| {
        *file = serde_json::json!({"rfilename": WEIGHTS, "size": 5000, "blobId": "cd".repeat(20)});
    });
    assert!(error.contains(WEIGHTS) && error.contains("Git's hash cdcd"), "{error}");
}

#[test]
fn what_lay_there_of_no_use_is_replaced() {
    let files = Files::model(5000);
    let (server, weights) = (Server::of(files.clone()), files.0[WEIGHTS].clone());
    let user = User::of(&server);
    let hash = files.described(WEIGHTS)["lfs"]["sha256"].as_str().unwrap().to_owned();
    let blobs = user.settings.cache.join("models--org--name/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(format!("{hash}.incomplete")), "bytes of another file").unwrap();
    let snapshot = user.model().unwrap();
    assert_eq!(fs::read(snapshot.folder.join(WEIGHTS)).unwrap(), weights);
    // On a busy machine a piece may come late once more.
    assert!(server.num_requests(WEIGHTS) >= 2, "{}", server.num_requests(WEIGHTS));
}

#[test]
fn sizes_and_hashes_that_the_list_lacks_are_taken_from_the_file_itself() {
    let files = Files::model(5000);
    let server = Server::start(move |request, _| {
        if request.path.starts_with("/api/") {
            let names = files.0.keys().map(|path| serde_json::json!({"rfilename": path}));
            let list = serde_json::json!({"sha": COMMIT, "siblings": names.collect::<Vec<_>>()});
            return Reply::new(200, list.to_string());
        }
        let path = request.path.rsplit('/').next().unwrap();
        let described = files.described(path);
        let hash = described["lfs"]["sha256"].as_str().or(described["blobId"].as_str()).unwrap().to_owned();
        files.answer(request).with("X-Linked-Etag", format!("\"{hash}\"")).with("X-Linked-Size", files.0[path].len())
    });
    let user = User::of(&server);
    let snapshot = user.model().unwrap();
    assert_eq!(fs::metadata(snapshot.folder.join(WEIGHTS)).unwrap().len(), 5000);
}

#[test]
fn all_files_are_of_the_commit_that_was_looked_up() {
    let files = Files::model(5000);
    let other = "2".repeat(40);
    let (moved, at) = (other.clone(), Mutex::new(0));
    // The branch moves on between the list and the files: addresses name the commit, so nothing changes.
    let server = Server::start(move |request, _| {
        let mut list = files.list();
        if request.path.starts_with("/api/") {
            let mut at = at.lock().unwrap();
            *at += 1;
            if *at > 1 {
                list["sha"] = moved.clone().into();
            }
            return Reply::new(200, list.to_string());
        }
        files.answer(request)
    });
    let user = User::of(&server);
    let snapshot = user.model().unwrap();
    assert_eq!(snapshot.commit, COMMIT);
    let is_of_commit = |path: &str| path.contains(&format!("/resolve/{COMMIT}/"));
    assert!(server.requests().iter().all(|request| request.path.starts_with("/api/") || is_of_commit(&request.path)));

    // A hub that answers with another commit's file is not believed.
    let files = Files::model(5000);
    let server = Server::start(move |request, _| {
        let mut reply = files.answer(request);
        reply.headers.retain(|(name, _)| name != "X-Repo-Commit");
        reply.with("X-Repo-Commit", &other)
    });
    let error = User::of(&server).model().unwrap_err().to_string();
    assert!(error.contains("config.json") && error.contains(&"2".repeat(40)), "{error}");
}

#[test]
fn of_data_the_chosen_files_come() {
    let files = Files::default().with("main/train.parquet", "a").with("main/test.parquet", "b").with("README.md", "c");
    let server = Server::of(files);
    let user = User::of(&server);
    let name = HubName::parse("org/name", Kind::Data).unwrap();
    let choose = |paths: &[String]| Ok(paths.iter().filter(|path| path.contains("test")).cloned().collect());
    let snapshot = Hub::new(user.settings.clone(), is_of_terms).data(&name, &choose, &mut |_| ()).unwrap();
    assert!(snapshot.folder.join("main/test.parquet").is_file());
    assert!(!snapshot.folder.join("main/train.parquet").exists());
    assert!(server.requests()[0].path.starts_with("/api/datasets/org/name/revision/main"));
    assert!(server.requests()[1].path.starts_with("/datasets/org/name/resolve/"));
    assert_eq!(user.offline().data(&name, &choose, &mut |_| ()).unwrap(), snapshot);
    let nothing =
        Hub::new(user.settings.clone(), is_of_terms).data(&name, &|_| Ok(Vec::new()), &mut |_| ()).unwrap_err();
    assert!(nothing.to_string().contains("holds no file of data"), "{nothing}");
}

#[test]
fn offline_a_part_of_data_is_not_taken_for_the_whole() {
    let server = Server::of(Files::default().with("main/a.parquet", "a").with("main/b.parquet", "b"));
    let user = User::of(&server);
    let name = HubName::parse("org/name", Kind::Data).unwrap();
    let part = |paths: &[String]| Ok(paths.iter().filter(|path| path.ends_with("a.parquet")).cloned().collect());
    let all = |paths: &[String]| Ok(paths.to_vec());
    let snapshot = Hub::new(user.settings.clone(), is_of_terms).data(&name, &part, &mut |_| ()).unwrap();
    assert_eq!(user.offline().data(&name, &part, &mut |_| ()).unwrap(), snapshot);
    let error = user.offline().data(&name, &all, &mut |_| ()).unwrap_err();
    assert!(matches!(&error, HubError::NotCached { file, .. } if file == "main/b.parquet"), "{error}");
    // A cache that another tool filled has no list: then it is what is there.
    let listings = user.settings.cache.join("datasets--org--name/.listings");
    assert_eq!(fs::read_dir(&listings).unwrap().count(), 1);
    fs::remove_dir_all(listings).unwrap();
    assert_eq!(user.offline().data(&name, &all, &mut |_| ()).unwrap(), snapshot);
}

#[test]
fn a_repository_cannot_write_outside_of_the_cache() {
    let list = serde_json::json!({"sha": COMMIT, "siblings": [{"rfilename": "../../config.json", "size": 2}]});
    let server = Server::start(move |_, _| Reply::new(200, list.to_string()));
    let error = User::of(&server).model().unwrap_err().to_string();
    assert!(error.contains("../../config.json"), "{error}");
}
