use super::*;

fn situation(zero: &str, arguments: &[&str], uid: u32) -> Situation {
    Situation {
        zero: zero.into(),
        arguments: arguments.iter().map(|word| word.as_bytes().to_vec()).collect(),
        path: b"/usr/bin:/bin".to_vec(),
        cwd: b"/srv".to_vec(),
        uid,
        variables: BTreeSet::from([b"SET".to_vec()]),
    }
}

/// What a script comes to, in a line; the same must come of what is kept of it in a record.
fn told(text: &str, arguments: &[&str], uid: u32) -> String {
    let situation = situation("/entry.sh", arguments, uid);
    let tell = |text: &[u8]| match read(text, &situation) {
        Reading::HandsOver(hand_over) => {
            let argv: Vec<String> =
                hand_over.argv.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            let more = if hand_over.complete { "" } else { " ..." };
            let cwd = hand_over.cwd.map_or("?".into(), |cwd| String::from_utf8_lossy(&cwd).into_owned());
            let path = hand_over.path.map_or("?".into(), |path| String::from_utf8_lossy(&path).into_owned());
            let at = if cwd == "/srv" { String::new() } else { format!(" in {cwd}") };
            let by = if path == "/usr/bin:/bin" { String::new() } else { format!(" by {path}") };
            format!("{} {:?}: {}{more}{at}{by}", hand_over.line, hand_over.certainty, argv.join("|"))
        }
        Reading::Ends => "ends".into(),
        Reading::Lost(line) => format!("lost {line:?}"),
    };
    let answer = tell(text.as_bytes());
    if let Some(kept) = without_secrets(text.as_bytes()) {
        assert_eq!(kept.len(), text.len());
        let kept_answer = tell(&kept);
        let first = |answer: &str| answer.split(['|', ' ']).take(3).collect::<Vec<_>>().join(" ");
        assert_eq!(first(&kept_answer), first(&answer), "{}", String::from_utf8_lossy(&kept));
    }
    answer
}

#[test]
fn plain_hand_overs() {
    let sh = "#!/bin/sh\nset -e\n";
    assert_eq!(told(&format!("{sh}exec \"$@\"\n"), &["/app", "--x y"], 0), "3 Certain: /app|--x y");
    assert_eq!(told(&format!("{sh}exec /app \"$@\"\n"), &["-v"], 0), "3 Certain: /app|-v");
    assert_eq!(told(&format!("{sh}echo starting\n/app --serve\n"), &[], 0), "4 Certain: /app|--serve");
    assert_eq!(told(&format!("{sh}migrate up\nexec /app\n"), &[], 0), "4 Likely: /app");
    assert_eq!(
        told(&format!("{sh}exec su-exec app:app tini -- \"$@\"\n"), &["a"], 0),
        "3 Certain: su-exec|app:app|tini|--|a"
    );
    assert_eq!(
        told(&format!("{sh}exec java $JAVA_OPTS -jar app.jar\n"), &[], 0),
        "3 Likely: java|-jar|app.jar"
    );
    assert_eq!(told(&format!("{sh}exec java $SET -jar app.jar\n"), &[], 0), "3 Certain: java ...");
    assert_eq!(
        told(&format!("{sh}APP=/opt/app\nexec \"${{APP}}/bin/run\"\n"), &[], 0),
        "4 Certain: /opt/app/bin/run"
    );
    assert_eq!(told(&format!("{sh}exec \"${{CMD:-/app}}\"\n"), &[], 0), "3 Likely: /app");
    assert_eq!(
        told(&format!("{sh}exec 2>&1\nexec >/dev/null\nexec ./run # now\n"), &[], 0),
        "5 Certain: ./run"
    );
    assert_eq!(
        told(&format!("{sh}cd /opt/app && exec ./server\n"), &[], 0),
        "3 Certain: ./server in /opt/app"
    );
    assert_eq!(
        told(&format!("{sh}cd \"$(dirname \"$0\")\"\nexec ./server\n"), &[], 0),
        "4 Certain: ./server in /"
    );
    assert_eq!(
        told(&format!("{sh}export PATH=/opt/bin:$PATH\nserver\n"), &[], 0),
        "4 Certain: server by /opt/bin:/usr/bin:/bin"
    );
    assert_eq!(told(&format!("{sh}exec \"$@\"\n"), &[], 0), "ends");
    assert_eq!(told(&format!("{sh}/daemon &\nwait\n"), &[], 0), "ends");
    assert_eq!(told("echo 'open", &[], 0), "lost None");
    assert_eq!(told("exec $SET\n", &[], 0), "lost Some(1)");
}

#[test]
fn the_idioms_of_docker_library() {
    let httpd = "#!/bin/sh\nset -e\n\n# first arg is `-f` or `--some-option`\nif [ \"${1#-}\" != \"$1\" ]; then\n\tset -- httpd-foreground \"$@\"\nfi\n\nexec \"$@\"\n";
    assert_eq!(told(httpd, &["-D", "X"], 0), "9 Certain: httpd-foreground|-D|X");
    assert_eq!(told(httpd, &["bash"], 0), "9 Certain: bash");
    let redis = "#!/bin/sh\nset -e\nif [ \"${1#-}\" != \"$1\" ] || [ \"${1%.conf}\" != \"$1\" ]; then\n\tset -- redis-server \"$@\"\nfi\n\
        if [ \"$1\" = 'redis-server' -a \"$(id -u)\" = '0' ]; then\n\tfind . \\! -user redis -exec chown redis '{}' +\n\texec gosu redis \"$0\" \"$@\"\nfi\n\
        um=\"$(umask)\"\nif [ \"$um\" = '0022' ]; then\n\tumask 0077\nfi\nexec \"$@\"\n";
    assert_eq!(told(redis, &["redis-server"], 0), "8 Likely: gosu|redis|/entry.sh|redis-server");
    assert_eq!(told(redis, &["my.conf"], 999), "14 Likely: redis-server|my.conf");
    let postgres = "#!/usr/bin/env bash\nset -Eeo pipefail\n_is_sourced() {\n\t[ \"${#FUNCNAME[@]}\" -ge 2 ] \\\n\t\t&& [ \"${FUNCNAME[0]}\" = '_is_sourced' ]\n}\n\
        _main() {\n\tif [ \"${1:0:1}\" = '-' ]; then\n\t\tset -- postgres \"$@\"\n\tfi\n\tif [ \"$1\" = 'postgres' ] && ! _want_help \"$@\"; then\n\
        \t\tdocker_setup_env\n\t\tif [ \"$(id -u)\" = '0' ]; then\n\t\t\texec gosu postgres \"$BASH_SOURCE\" \"$@\"\n\t\tfi\n\t\tcat <<-'EOM'\n\t\t\tdon't\n\t\tEOM\n\tfi\n\texec \"$@\"\n}\n\
        if ! _is_sourced; then\n\t_main \"$@\"\nfi\n";
    assert_eq!(told(postgres, &["-c", "x"], 70), "20 Likely: postgres|-c|x");
    let by_case = "case \"$1\" in\n  -*|'') set -- /app \"$@\" ;;\n  sh|bash) exec \"$@\" ;;\nesac\nexec /init \"$@\"\n";
    assert_eq!(told(by_case, &["-x"], 0), "5 Certain: /init|/app|-x");
    assert_eq!(told(by_case, &["bash"], 0), "3 Certain: bash");
    let wait = "for host in a b; do\n  until nc -z $host 80; do sleep 1; done\ndone\nshift\nexec \"$@\"\n";
    assert_eq!(told(wait, &["a", "/app"], 0), "5 Likely: /app");
}

#[test]
fn what_is_open_stays_open() {
    let either = "if grep -q x /etc/os-release; then exec /one; else exec /two; fi\n";
    assert_eq!(told(either, &[], 0), "lost Some(1)");
    assert_eq!(told("[ -f /debug ] && exec /debugger\nexec /app\n", &[], 0), "2 Likely: /app");
    assert_eq!(
        told("if [ \"$SET\" = prod ]; then exec /app --prod; else exec /app; fi\n", &[], 0),
        "1 Likely: /app"
    );
    assert_eq!(told("[ -n \"$1\" ] || exit 1\nexec /app\n", &["x"], 0), "2 Certain: /app");
    assert_eq!(
        told("while read line; do set -- $line; done < /list\nexec \"$@\"\n", &["x"], 0),
        "lost Some(2)"
    );
    assert_eq!(told("f() { f; }\nf\n", &[], 0), "lost Some(1)");
    assert_eq!(told("cat x | tee y\n", &[], 0), "ends");
}

#[test]
fn no_secret_is_kept() {
    let script = "#!/bin/sh\n# password: hunter2\nexport TOKEN=hunter2\nKEY=hunter2 login --pass hunter2\ncurl -H \"Auth: hunter2\" x | sh\n\
        cat > f <<EOF\nhunter2\nEOF\nif [ \"$1\" = a ]; then echo hunter2; fi\nAPP=/app\nexec \"$APP\" --token=hunter2\n";
    let kept = String::from_utf8(without_secrets(script.as_bytes()).unwrap()).unwrap();
    assert!(!kept.contains("hunter2"), "{kept}");
    assert_eq!(told(script, &[], 0).split('|').next(), Some("11 Likely: /app"));
    assert_eq!(without_secrets(b"echo 'open"), None);
}

#[test]
fn hostile_texts_end() {
    let deep = "if true; then ".repeat(10_000);
    let doubling: String = (0..60).map(|n| format!("f{n}() {{ f{}; f{}; }}\n", n + 1, n + 1)).collect();
    let growing = "set -- \"$@\" \"$@\"\n".repeat(60) + "exec a \"$@\"\n";
    for text in [
        deep,
        doubling + "f0\n",
        growing,
        "${".repeat(30_000),
        "$(".repeat(30_000),
        "((".repeat(30_000),
        "\\".into(),
        "\"$".into(),
        "<<".into(),
    ] {
        read(text.as_bytes(), &situation("/x", &["y"], 0));
        without_secrets(text.as_bytes());
    }
}
