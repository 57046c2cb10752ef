use datasets::DataSource;
use datasets::layout::Records;
use std::path::Path;
#[test]
fn explore() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/suites");
    let mut files = vec![];
    fn walk(p: &Path, out: &mut Vec<std::path::PathBuf>) { for e in std::fs::read_dir(p).unwrap() { let p = e.unwrap().path(); if p.is_dir() { walk(&p, out) } else { out.push(p) } } }
    walk(&root, &mut files);
    files.sort();
    for f in files {
        let name = f.strip_prefix(&root).unwrap().display().to_string();
        let source = DataSource::new([f.clone()]);
        match source.layout(None) {
            Err(e) => println!("## {name}: ERROR {}", e.to_string().chars().take(300).collect::<String>()),
            Ok(layout) => {
                println!("## {name}: {}", layout.name);
                match layout.records {
                    Records::Tasks => match source.tasks() { Err(e) => println!("   ERR {e}"), Ok(l) => { for t in &l.records { println!("   {}", serde_json::to_string(t).unwrap()); } for u in &l.unreadable { println!("   UNREADABLE {} {}", u.place, u.problem); } println!("   dups {} filtered {}", l.duplicates.len(), l.num_filtered) } },
                    Records::Traces => println!("   {:?}", source.traces()),
                    Records::Preferences => match source.candidates() { Err(e) => println!("   ERR {e}"), Ok(l) => { for t in &l.records { println!("   {t:?}"); } for u in &l.unreadable { println!("   UNREADABLE {} {}", u.place, u.problem); } println!("   ties {}", l.num_ties) } },
                }
            }
        }
    }
}
