//! Which interpreter a text without `#!` looks made for, and which compiler.

use super::{Language, Source};

/// What speaks for a language: how lines begin, and what stands in them.
struct Marks<L> {
    language: L,
    starts: &'static [&'static str],
    words: &'static [&'static str],
}

const fn marks<L>(language: L, starts: &'static [&'static str], words: &'static [&'static str]) -> Marks<L> {
    Marks { language, starts, words }
}

/// Of languages with equal marks the first is taken: a shell's words are the most particular in short files.
const INTERPRETED: &[Marks<Language>] = &[
    marks(
        Language::Shell,
        &[
            "set -",
            "exec ",
            "echo ",
            "export ",
            "if [ ",
            "elif [ ",
            "fi",
            "done",
            "esac",
            "cd ",
            ". /",
            ". \"",
            "while ",
            "case ",
            "sh ",
            "sleep ",
            "mkdir ",
            "chmod ",
            "chown ",
            "rm -",
            "cp ",
            "exit ",
            "trap ",
            "shift",
            "test ",
            "for ",
            "printf '",
            "printf \"",
            "umask ",
            "unset ",
            "ulimit ",
            "if ! ",
            "then",
            ": ${",
            ": \"${",
        ],
        &[
            "\"$@\"",
            "$1",
            "; then",
            "$(",
            " && ",
            " || ",
            "${",
            "; do",
            ">&2",
            "2>",
            ";;",
            "/dev/null",
            "=\"$",
            "=$",
        ],
    ),
    marks(
        Language::Bash,
        &[
            "[[ ",
            "if [[ ",
            "elif [[ ",
            "declare ",
            "source ",
            "shopt ",
            "set -o pipefail",
            "set -euo",
            "set -eo",
            "mapfile ",
        ],
        &["[[ ", " ]]", "<<<", "BASH_SOURCE", "[@]}", "<(", "$(("],
    ),
    marks(
        Language::Python,
        &[
            "import ",
            "from ",
            "def ",
            "class ",
            "print(",
            "if __name__",
            "async def ",
            "elif ",
            "except ",
            "except:",
            "try:",
            "with ",
            "raise ",
            "\"\"\"",
            "else:",
            "self.",
        ],
        &[
            "__main__",
            " import ",
            "self.",
            "):",
            " is None",
            " not in ",
            "sys.argv",
            "os.environ",
            "__name__",
        ],
    ),
    marks(
        Language::Node,
        &[
            "const ",
            "let ",
            "var ",
            "function ",
            "'use strict'",
            "\"use strict\"",
            "module.exports",
            "console.",
            "export ",
            "import {",
            "import * as",
            "async function",
            "exports.",
            "Object.",
            "process.",
        ],
        &[
            "require(",
            "=> {",
            "process.env",
            "console.log(",
            " === ",
            "module.exports",
            " from '",
            " from \"",
            "async (",
            "() =>",
            "new Promise",
            "function(",
            "function (",
        ],
    ),
    marks(
        Language::Perl,
        &[
            "use strict",
            "use warnings",
            "my $",
            "my @",
            "my %",
            "my (",
            "sub ",
            "package ",
            "use ",
            "=head1",
            "=pod",
            "our ",
            "local $",
            "eval 'exec",
        ],
        &["->new(", "=~ ", "@_", "$_", " qw", "->{", "die ", "@ARGV", "BEGIN {", "__END__", "sub {"],
    ),
    marks(
        Language::Ruby,
        &["require '", "require \"", "require_relative", "puts ", "attr_", "rescue", "elsif ", "end"],
        &[" do |", ".each", ".nil?", "ENV[", "ARGV."],
    ),
    marks(Language::Php, &["<?php", "<?=", "$this->"], &["<?php", "$this->", "$_SERVER", "$_GET"]),
    marks(
        Language::Lua,
        &["local function", "elseif ", "for _, ", "end", "local "],
        &["local function", " ~= ", "io.write", "ipairs(", "pairs(", "arg[", "= require"],
    ),
    marks(
        Language::Tcl,
        &["package require", "proc ", "set ", "puts ", "namespace eval", "if {", "foreach "],
        &["$argv", "[lindex", "} {", "[info ", "} else {"],
    ),
    marks(Language::Awk, &["BEGIN {", "BEGIN{", "END {", "END{"], &["FS = ", "OFS"]),
    marks(Language::R, &["library(", "suppressPackageStartupMessages("], &[" <- ", "commandArgs("]),
    marks(
        Language::PowerShell,
        &["param(", "param (", "Write-Host", "Set-StrictMode", "$ErrorActionPreference", "[CmdletBinding"],
        &["$PSScriptRoot", "Write-Host", "Write-Output", "$env:", "-ErrorAction", "Import-Module"],
    ),
    marks(
        Language::Batch,
        &["@echo off", "@ECHO OFF", "@echo ", "@setlocal", "setlocal", "rem ", "REM ", "goto "],
        &["%~dp0", "%*", "%errorlevel%", "%ERRORLEVEL%"],
    ),
];

const COMPILED: &[Marks<Source>] = &[
    marks(
        Source::Go,
        &["package ", "func ", "import (", "//go:build", "type "],
        &["package main", ":= ", "fmt.", "err != nil"],
    ),
    marks(
        Source::C,
        &[
            "#include ",
            "#define ",
            "#ifdef ",
            "#ifndef ",
            "#endif",
            "int ",
            "static ",
            "void ",
            "typedef ",
            "struct ",
        ],
        &["int main(", "->", "std::", "NULL"],
    ),
    marks(
        Source::Rust,
        &[
            "fn ",
            "use std::",
            "use crate::",
            "use super::",
            "pub ",
            "let ",
            "#![",
            "#[",
            "impl",
            "mod ",
            "//!",
            "///",
            "extern crate",
        ],
        &["println!(", "::new(", ".unwrap()", "&self", "&mut "],
    ),
    marks(
        Source::Java,
        &["public ", "import java", "private ", "protected ", "package com.", "package org.", "@Override"],
        &["System.out.", "public static void main", "String[] args", "public class ", "new "],
    ),
];

/// Lines that are looked at.
const LINES: usize = 100;

/// The language of a script, or of a source that nobody compiled.
pub(super) fn of(head: &[u8]) -> Result<Language, Source> {
    let text = String::from_utf8_lossy(head);
    let (source, sources) = best(COMPILED, &text).unwrap_or((Source::C, 0));
    let (language, scripts) = best(INTERPRETED, &text).unwrap_or((Language::Unknown, 0));
    if sources > 1 && sources > scripts {
        return Err(source);
    }
    match language {
        // What only bash understands decides, however much of it every shell does.
        Language::Shell if score(&INTERPRETED[1], &text) > 0 => Ok(Language::Bash),
        Language::Bash if score(&INTERPRETED[1], &text) == 0 => Ok(Language::Shell),
        language => Ok(language),
    }
}

fn best<L: Copy>(languages: &[Marks<L>], text: &str) -> Option<(L, usize)> {
    let scores = languages.iter().map(|marks| (marks.language, score(marks, text)));
    // `max_by_key` takes the last of equals.
    scores.rev().max_by_key(|(_, score)| *score).filter(|(_, score)| *score > 0)
}

fn score<L>(marks: &Marks<L>, text: &str) -> usize {
    let of_line = |line: &str| {
        let line = line.trim();
        let start = marks.starts.iter().any(|start| {
            let rest = line.strip_prefix(start);
            // A whole word, where the mark is one: `fi`, not `file`.
            rest.is_some_and(|rest| !start.ends_with(char::is_alphanumeric) || !rest.starts_with(is_of_word))
        });
        usize::from(start) + marks.words.iter().filter(|word| line.contains(**word)).count()
    };
    text.lines().filter(|line| !line.trim_start().starts_with("# ")).take(LINES).map(of_line).sum()
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
