//! The arguments' and environment's room on the new stack (fs/exec.c bprm_stack_limits, copy_strings).

use crate::errno::Errno;
use crate::exec::{Call, Rule};
use crate::host::Host;
use crate::refusal::{Stop, kill, refuse};
use crate::tree::Gap;

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
const STACK_TOO_SMALL: Rule = Rule {
    text: "arguments and environment together exceed the stack limit",
    source: "fs/exec.c get_arg_page, mm/mmap.c acct_stack_growth",
};
const NO_ROOM_FOR_TABLES: Rule = Rule {
    text: "the stack limit leaves no room for the pointers to arguments and environment",
    source: "fs/binfmt_elf.c create_elf_tables, mm/mmap.c acct_stack_growth",
};
const TABLES_OPEN: &str =
    "the answer hinges on where in its page the stack begins, which the kernel chooses at random";
/// More than the auxiliary vector and the strings that go with it take.
const AUXILIARY: u64 = 2048;
/// How far `arch_align_stack` may move the stack's top down where a page is not more.
const STACK_SHIFT: u64 = 8192;
const TOTAL_TOO_LARGE: Rule = Rule {
    text: "arguments and environment together exceed a quarter of the stack limit (2 MiB where it is 8 MiB)",
    source: "fs/exec.c bprm_stack_limits",
};

/// What is on the new stack so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arguments {
    /// Bytes of all strings with their NULs.
    total: u64,
    limit: u64,
    /// `RLIMIT_STACK`
    stack_limit: u64,
    /// Strings.
    count: u64,
    page: u64,
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
        let mut count = strings.count() as u64;
        // A program that is called without arguments is given an empty argv[0] (Linux 5.18, and 5.10.y since 2022).
        if call.argv.is_empty() {
            first = 1;
            total += 1;
            count += 1;
        }
        let limit = ARG_MAX.max(MAX_TOTAL.min(call.stack_limit / 4)).saturating_sub(count * POINTER);
        let arguments = Arguments {
            total,
            limit,
            stack_limit: call.stack_limit,
            count,
            page: host.page_size.into(),
            first,
            name: call.path.len() as u64,
        };
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
            self.count -= 1;
        }
        self.count += 2 + u64::from(argument.is_some());
        self.first = size(interpreter);
        self.total += self.name + 1 + self.first + argument.map_or(0, size);
        self.name = interpreter.len() as u64;
        self.fit(file)
    }

    fn fit(&self, path: &[u8]) -> Result<(), Stop> {
        if self.limit == 0 || self.total > self.limit {
            return Err(refuse(path, Errno::E2BIG, TOTAL_TOO_LARGE));
        }
        // The stack's first page is there whatever the limit.
        let pages = self.pages(self.total);
        if pages > self.page && pages > self.stack_limit {
            return Err(refuse(path, Errno::E2BIG, STACK_TOO_SMALL));
        }
        Ok(())
    }

    /// After the point of no return: whether pointers and auxiliary vector fit on the stack, too. `pointer` is the
    /// size of one in the new program.
    pub(crate) fn leave_room(&self, path: &[u8], pointer: u64) -> Result<(), Stop> {
        let least = self.total + self.count * pointer;
        if self.pages(least + AUXILIARY + STACK_SHIFT.max(self.page)) <= self.stack_limit {
            Ok(())
        } else if self.pages(least) > self.page.max(self.stack_limit) {
            Err(kill(path, NO_ROOM_FOR_TABLES))
        } else {
            Err(Stop::Gap(Gap::Host(TABLES_OPEN)))
        }
    }

    /// Bytes of the stack's pages where this much is on it: its top keeps one pointer free (mm/vma_exec.c
    /// create_init_stack_vma).
    fn pages(&self, bytes: u64) -> u64 {
        bytes.saturating_add(POINTER).div_ceil(self.page.max(1)).saturating_mul(self.page)
    }
}

/// Bytes of a string with its NUL.
fn size(string: &[u8]) -> u64 {
    string.len() as u64 + 1
}
