//! The arguments' and environment's room on the new stack (fs/exec.c bprm_stack_limits, copy_strings).

use crate::errno::Errno;
use crate::exec::{Call, Rule};
use crate::host::Host;
use crate::refusal::{Stop, refuse};

/// `MAX_ARG_STRLEN` in pages (linux/binfmts.h).
const MAX_STRING_PAGES: u64 = 32;
/// `ARG_MAX` (linux/limits.h): what every process may pass, however small its stack.
const ARG_MAX: u64 = 128 << 10;
/// Three quarters of `_STK_LIM` (linux/resource.h): what no process may exceed.
const MAX_TOTAL: u64 = 6 << 20;
/// Bytes of a pointer of the calling, 64-bit process.
const POINTER: u64 = 8;

const STRING_TOO_LONG: Rule = Rule {
    text: "one argument or environment variable is longer than 32 pages (131071 bytes where pages have 4 KiB)",
    source: "fs/exec.c copy_strings valid_arg_len",
};
const TOTAL_TOO_LARGE: Rule = Rule {
    text: "arguments and environment together exceed a quarter of the stack limit (2 MiB where it is 8 MiB)",
    source: "fs/exec.c bprm_stack_limits",
};

/// What is on the new stack so far.
pub(crate) struct Arguments {
    /// Bytes of all strings with their NULs.
    total: u64,
    limit: u64,
    /// Bytes of `argv[0]` with its NUL.
    first: u64,
    /// Length of the path by which the current file was opened.
    name: u64,
}

impl Arguments {
    /// Copies path, argv and environment of a call.
    pub(crate) fn copy(host: &Host, call: &Call<'_>) -> Result<Arguments, Stop> {
        let longest = u64::from(host.page_size) * MAX_STRING_PAGES;
        let mut total = size(call.path);
        let strings = call.argv.iter().chain(call.env);
        for string in strings.clone() {
            let bytes = size(string);
            if bytes > longest {
                return Err(refuse(call.path, Errno::E2BIG, STRING_TOO_LONG));
            }
            total += bytes;
        }
        let mut first = call.argv.first().map_or(0, |string| size(string));
        // Linux 5.18 gives a program that is called without arguments an empty argv[0].
        if call.argv.is_empty() && host.kernel >= (5, 18) {
            first = 1;
            total += 1;
        }
        let pointers = strings.count() as u64 + u64::from(call.argv.is_empty());
        let limit = ARG_MAX.max(MAX_TOTAL.min(call.stack_limit / 4)).saturating_sub(pointers * POINTER);
        let arguments = Arguments { total, limit, first, name: call.path.len() as u64 };
        arguments.fit(call.path)?;
        Ok(arguments)
    }

    /// `argv[0]` gives way to the interpreter, its argument and the path of the file (binfmt_script and binfmt_misc).
    pub(crate) fn hand_over(
        &mut self,
        file: &[u8],
        interpreter: &[u8],
        argument: Option<&[u8]>,
        keep_first: bool,
    ) -> Result<(), Stop> {
        if !keep_first {
            self.total -= self.first;
        }
        self.first = size(interpreter);
        self.total += self.name + 1 + self.first + argument.map_or(0, size);
        self.name = interpreter.len() as u64;
        self.fit(file)
    }

    fn fit(&self, path: &[u8]) -> Result<(), Stop> {
        if self.limit == 0 || self.total > self.limit {
            return Err(refuse(path, Errno::E2BIG, TOTAL_TOO_LARGE));
        }
        Ok(())
    }
}

/// Bytes of a string with its NUL.
fn size(string: &[u8]) -> u64 {
    string.len() as u64 + 1
}
