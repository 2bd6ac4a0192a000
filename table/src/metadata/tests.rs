#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

#[test]
fn scratch_all_fixtures() {
    fn walk(dir: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for e in std::fs::read_dir(dir).unwrap() {
            let p = e.unwrap().path();
            if p.is_dir() {
                walk(&p, out)
            } else if p.to_string_lossy().ends_with(".metadata.json") {
                out.push(p)
            }
        }
    }
    let mut out = vec![];
    walk(std::path::Path::new("/tmp/fx"), &mut out);
    let mut bad = 0;
    for p in &out {
        let b = std::fs::read(p).unwrap();
        match parse_metadata(&b, p.to_str().unwrap()) {
            Ok((m, f)) => {
                if !f.is_empty() {
                    println!("{p:?} {f:?}")
                }
                drop(m)
            }
            Err(e) => {
                bad += 1;
                println!("{e}")
            }
        }
    }
    assert_eq!((out.len(), bad), (352, 0));
}
