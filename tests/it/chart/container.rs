//! The Dockerfile, read. What it makes is looked at in `image`, where that can be built.

use crate::support::program::{Ran, command, copy, root};

/// The instructions of a Dockerfile, with their lines joined: `("FROM", "rust AS build")`.
fn instructions(text: &str) -> Vec<(String, String)> {
    let joined = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_once(' ').map_or((line.into(), String::new()), |(word, rest)| (word.to_uppercase(), rest.trim().into())))
        .collect()
}

fn dockerfile() -> Vec<(String, String)> {
    instructions(&std::fs::read_to_string(root().join("Dockerfile")).unwrap())
}

/// The stages, each with what it begins from.
fn stages(all: &[(String, String)]) -> Vec<(&str, &[(String, String)])> {
    let starts: Vec<_> = all.iter().enumerate().filter(|(_, (word, _))| word == "FROM").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([all.len()]);
    starts.iter().zip(ends).map(|(start, end)| (all[*start].1.as_str(), &all[start + 1..end])).collect()
}

fn values<'a>(stage: &'a [(String, String)], word: &str) -> Vec<&'a str> {
    stage.iter().filter(|(w, _)| w == word).map(|(_, rest)| rest.as_str()).collect()
}

#[test]
fn the_image_has_the_program_and_nothing_else() {
    let all = dockerfile();
    let stages = stages(&all);
    let [.., (from, last)] = stages.as_slice() else { panic!("no stage") };
    assert_eq!(*from, "scratch", "on no other image, which would have to be kept up to date");
    assert_eq!(values(last, "RUN"), [] as [&str; 0], "there is no shell");
    assert!(values(last, "COPY").iter().all(|copied| copied.starts_with("--from=build ")));
    assert_eq!(values(last, "ADD"), [] as [&str; 0]);
    assert_eq!(values(last, "ENTRYPOINT"), [r#"["/usr/local/bin/tenantry"]"#], "exec form: signals reach it");
}

#[test]
fn it_runs_as_the_user_that_the_chart_names() {
    let all = dockerfile();
    let stages = stages(&all);
    let (_, last) = stages.last().unwrap();
    assert_eq!(values(last, "USER"), ["65532:65532"], "a number: Kubernetes cannot tell that a name is not root's");
    let values: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(super::chart().join("values.yaml")).unwrap()).unwrap();
    assert_eq!(values["podSecurityContext"]["runAsUser"], 65532);
}

#[test]
fn it_is_built_as_the_lock_says_and_with_this_compiler_at_least() {
    let all = dockerfile();
    let stages = stages(&all);
    let (from, build) = stages[0];
    assert_eq!(from, "${RUST_IMAGE} AS build", "whoever has a mirror names it");
    let rust = values(&all, "ARG").into_iter().find_map(|argument| argument.strip_prefix("RUST_IMAGE=")).unwrap();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let wanted = manifest.lines().find_map(|l| l.strip_prefix("rust-version = \"")).unwrap().trim_end_matches('"');
    // On Alpine everything is linked against musl, and with nothing at run time.
    assert_eq!(rust, format!("docker.io/library/rust:{wanted}-alpine"));
    assert!(values(build, "RUN").iter().any(|run| run.contains("cargo build --release --locked --bin tenantry")));
}

#[test]
fn nothing_gets_into_the_build_that_it_does_not_need() {
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let lines: Vec<_> = ignored.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    assert_eq!(lines.first(), Some(&"*"), "what is not named stays out: the target folder, ledgers, whatever lies around");
    for needed in ["!Cargo.toml", "!Cargo.lock", "!build.rs", "!src"] {
        assert!(lines.contains(&needed), "{needed}");
    }
}

#[test]
fn the_build_has_all_that_it_needs() {
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let context = tempfile::tempdir().unwrap();
    for named in ignored.lines().filter_map(|line| line.strip_prefix('!')) {
        let (from, to) = (root().join(named), context.path().join(named));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.is_dir() { copy(&from, &to) } else { _ = std::fs::copy(&from, &to).unwrap() }
    }
    // Cargo looks for every target that the manifest names, whatever is built.
    let args = ["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"];
    Ran::of(command(env!("CARGO")).args(args).current_dir(context.path()).output().unwrap()).exits(0);
    let named = |text: &str| context.path().join(text).exists();
    assert!(named("src/main.rs") && !named("tests/it/chart") && !named("target"));
}

#[test]
fn instructions_are_read_over_their_lines() {
    let text = "# a\nFROM a:1 AS build\nRUN one \\\n    two\nFROM b:2\nUSER 1\n";
    let all = instructions(text);
    assert_eq!(all.len(), 4);
    assert_eq!(stages(&all)[0].1, [("RUN".to_owned(), "one      two".to_owned())]);
    assert_eq!(stages(&all)[1].0, "b:2");
}
