//! The sweep's folder: another sweep's, and one whose file changed.

use std::fs;

use sweep::folder::{check_folder, enter_folder};

use crate::fake::Fake;

const ARM: &str = "[[arm]]\nname = \"fast\"\nset = [\"rate=3\"]\n";

#[test]
fn arms_and_seeds_may_be_added_and_nothing_may_change() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    check_folder(&plan).unwrap();
    enter_folder(&plan).unwrap();
    let link = fake.path("sweep/cells/fast/seed-2/stage-1");
    assert_eq!(fs::read_link(&link).unwrap().file_name().unwrap().to_str(), Some(plan.cells[3].units[1].as_str()));
    assert!(fs::read_link(&link).unwrap().is_relative());

    let more = fake.plan(&format!("{ARM}[[arm]]\nname = \"late\"\nset = [\"rate=4\"]\nfrom_step = 2\n"));
    check_folder(&more).unwrap();
    let mut file = fake.file(ARM);
    file.seeds.push(3);
    check_folder(&fake.plan_of(file.clone()).unwrap()).unwrap();
    file.seeds.remove(0);
    let said = check_folder(&fake.plan_of(file).unwrap()).unwrap_err().to_string();
    assert!(said.contains("base seed 1: is no longer there") && said.contains("fast seed 1"), "{said}");

    // A unit that was begun says what it was; the cells of the base are as they were.
    for unit in plan.units.values() {
        let folder = fake.path("sweep/units").join(&unit.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("identity.json"), serde_json::to_vec(&unit.identity).unwrap()).unwrap();
    }
    let said = check_folder(&fake.plan(&ARM.replace("rate=3", "rate=5"))).unwrap_err().to_string();
    assert!(said.contains("fast seed 1: stage-1: rate: 3 -> 5") && !said.contains("base seed"), "{said}");
    assert!(said.contains("may be added"), "{said}");
}

#[test]
fn a_folder_of_another_kind_is_refused() {
    let fake = Fake::new();
    let plan = fake.plan(ARM);
    fs::create_dir_all(fake.path("sweep/notes")).unwrap();
    let said = check_folder(&plan).unwrap_err().to_string();
    assert!(said.contains("holds files and no sweep"), "{said}");
    fs::remove_dir(fake.path("sweep/notes")).unwrap();
    enter_folder(&plan).unwrap();
    let mut file = fake.file(ARM);
    file.name = "other".into();
    let said = check_folder(&fake.plan_of(file).unwrap()).unwrap_err().to_string();
    assert!(said.contains("holds the sweep `fake`, not `other`"), "{said}");
    let path = fake.path("sweep/sweep.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"schema\": 1", "\"schema\": 2");
    fs::write(&path, newer).unwrap();
    assert!(check_folder(&plan).unwrap_err().to_string().contains("schema 2"));
}
