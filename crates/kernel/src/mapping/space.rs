//! The address space of a new process: how large it is, where the kernel puts things, what may lie where
//! (mm/mmap.c; asm/processor.h and asm/elf.h of each architecture).

use crate::binfmt_elf::Abi;
use crate::capability::has_after_exec;
use crate::credentials::CAP_SYS_RAWIO;
use crate::exec::{Call, Rule};
use crate::host::{Architecture, Host};
use crate::tree::Node;

pub(super) const CANNOT_PLACE: Rule = Rule {
    text: "a segment cannot be mapped: its addresses are too low, or do not fit",
    source: "mm/mmap.c get_unmapped_area, security/commoncap.c cap_mmap_addr",
};
const NO_MEMORY: Rule =
    Rule { text: "it asks for more memory than a machine can have", source: "mm/util.c __vm_enough_memory" };
const RANDOM: &str = "the answer hinges on addresses that the kernel chooses at random";
const MEMORY: &str = "the answer hinges on how much memory is free";
const LOWEST_ADDRESS: &str = "the answer hinges on the host's vm.mmap_min_addr";

/// `TASK_SIZE` of x86_64 with four levels of page tables.
const X86_64_SIZE: u64 = (1 << 47) - 4096;
/// `AARCH32_VECTORS_BASE` (arm64 asm/processor.h): the top of a 32-bit program's stack.
const ARM_VECTORS: u64 = 0xffff_0000;
/// `MIN_GAP` (mm/util.c mmap_base, arch/x86/mm/mmap.c mmap_base).
const LEAST_GAP: u64 = 128 << 20;
/// `stack_guard_gap` in pages (mm/mmap.c).
const GUARD_PAGES: u64 = 256;
/// More than a new stack takes: 6 MiB of strings, 128 KiB to grow (fs/exec.c setup_arg_pages).
const STACK_SIZE: u64 = 16 << 20;
/// Writable memory beyond which a host may refuse.
const PLENTY: u64 = 256 << 20;
/// Writable memory that no host has.
const TOO_MUCH: u64 = 1 << 46;

/// The lowest and the highest address that something may be given; equal where nothing is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    low: u64,
    high: u64,
}

impl Range {
    pub(super) const fn fixed(address: u64) -> Range {
        Range { low: address, high: address }
    }

    /// One of these, or `address`.
    pub(super) fn or(self, address: u64) -> Range {
        Range { low: self.low.min(address), high: self.high.max(address) }
    }

    pub(super) fn map(self, change: impl Fn(u64) -> u64) -> Range {
        Range { low: change(self.low), high: change(self.high) }
    }
}

/// What follows from all the addresses in a [`Range`].
enum Fit {
    All,
    None,
    Some,
}

/// The address space of the new process.
pub(super) struct Space {
    /// `TASK_SIZE`
    pub(super) size: u64,
    /// The stack's end is somewhere between here and `size`.
    pub(super) stack: u64,
    /// Below this address nothing is in the way of what is being mapped: the stack's lowest address, or the end of
    /// the room that the kernel found, wherever that is.
    pub(super) ceiling: u64,
    pub(super) page: u64,
    pub(super) wide: bool,
    pub(super) kernel: (u16, u16),
    /// `vm.mmap_min_addr` is between these two.
    lowest: (u64, u64),
    /// `ELF_ET_DYN_BASE`, randomised: where position-independent programs go.
    pub(super) programs: Range,
    /// Where the kernel finds room for everything else (`mm->mmap_base`).
    rest: Range,
    /// The lowest and the highest address of the program, once it is mapped.
    program: Option<(u64, u64)>,
    /// The first thing met that leaves the answer open.
    pub(super) open: Option<&'static str>,
}

impl Space {
    pub(super) fn new(host: &Host, call: &Call<'_>, abi: Abi, program: &Node<'_>) -> Space {
        let (size, base, random) = match (host.architecture, abi) {
            (Architecture::X86_64, Abi::Native) => (X86_64_SIZE, X86_64_SIZE / 3 * 2, 1 << 44),
            (Architecture::X86_64, Abi::Compat) => (0xffff_e000, 0x40_0000, 1 << 28),
            (Architecture::Arm64, Abi::Native) => {
                let size: u64 = if host.page_size == 16384 { 1 << 47 } else { 1 << 48 };
                (size, size / 3 * 2, 1 << 45)
            }
            // The last page is left out, but where it holds the vectors anyway.
            (Architecture::Arm64, Abi::Compat) if host.page_size == 65536 => (1 << 32, 0x40_0000, 1 << 28),
            (Architecture::Arm64, Abi::Compat) => ((1 << 32) - u64::from(host.page_size), 0x40_0000, 1 << 28),
        };
        let top =
            if (host.architecture, abi) == (Architecture::Arm64, Abi::Compat) { ARM_VECTORS } else { size };
        // `STACK_RND_MASK`, in bytes.
        let stack_random: u64 = match (host.architecture, abi) {
            (_, Abi::Compat) => 0x7ff << 12,
            (Architecture::X86_64, Abi::Native) => 0x3f_ffff << 12,
            (Architecture::Arm64, Abi::Native) => 0x3_ffff << 12,
        };
        let guard = GUARD_PAGES * u64::from(host.page_size);
        let gap = call.stack_limit.saturating_add(stack_random + guard).clamp(LEAST_GAP, size / 6 * 5);
        let unlimited = call.stack_limit == u64::MAX;
        let rest_low = if unlimited { size / 4 } else { (top - gap).saturating_sub(random) };
        let stack = top - stack_random - STACK_SIZE;
        Space {
            size,
            stack,
            ceiling: stack,
            page: host.page_size.into(),
            wide: abi.is_wide(),
            kernel: host.kernel,
            lowest: match host.mmap_min_addr {
                _ if has_after_exec(call.credentials, program, CAP_SYS_RAWIO) => (0, 0),
                Some(address) => (address, address),
                None => (4096, 65536),
            },
            programs: Range { low: base, high: base + random },
            rest: Range { low: rest_low, high: if unlimited { size } else { top - gap } },
            program: None,
            open: None,
        }
    }

    pub(super) fn down(&self, address: u64) -> u64 {
        address & !(self.page - 1)
    }

    pub(super) fn up(&self, address: u64) -> u64 {
        self.down(address.wrapping_add(self.page - 1))
    }

    pub(super) fn in_page(&self, address: u64) -> u64 {
        address & (self.page - 1)
    }

    pub(super) fn leave_open(&mut self, gap: &'static str) {
        self.open = self.open.or(Some(gap));
    }

    /// An unused place for `total` bytes, of the kernel's choice: the highest below `mmap_base` that is free. There is
    /// one beside the program, wherever that happens to be, unless `total` is very large.
    pub(super) fn find_room(&mut self, total: u64) -> Result<Range, Rule> {
        if total > self.size || self.up(total) > self.size {
            return Err(CANNOT_PLACE);
        }
        let (start, end) = self.program.unwrap_or((self.rest.low, self.lowest.1));
        let above = self.rest.low.saturating_sub(end);
        let below = start.min(self.rest.low).saturating_sub(self.lowest.1);
        if self.up(total) > above.max(below) {
            self.leave_open(RANDOM);
        }
        self.ceiling = self.rest.high + self.page;
        let high = self.down(self.rest.high.saturating_sub(total));
        let end = if self.up(total) <= above { self.rest.low } else { start.min(self.rest.low) };
        let low = end.saturating_sub(self.up(total)).max(self.lowest.0);
        Ok(Range { low, high })
    }

    /// Remembers what the program takes, before the loader is placed.
    pub(super) fn occupy(&mut self, at: Range, length: u64) {
        let (start, end) = self.program.unwrap_or((u64::MAX, 0));
        self.program = Some((start.min(at.low), end.max(at.high.saturating_add(length))));
    }

    /// A mapping at a given place.
    pub(super) fn fix(&mut self, at: Range, length: u64) -> Result<(), Rule> {
        self.require(at, length, CANNOT_PLACE, |space, at, length| {
            length <= space.size && at <= space.size - length && at >= space.lowest.0
        })?;
        if at.low < self.lowest.1 {
            self.leave_open(LOWEST_ADDRESS);
        }
        if at.high.saturating_add(length) > self.ceiling {
            self.leave_open(RANDOM);
        }
        Ok(())
    }

    /// Asks for a property of every address in the range: of its ends, that is.
    pub(super) fn require(
        &mut self,
        at: Range,
        length: u64,
        rule: Rule,
        holds: impl Fn(&Space, u64, u64) -> bool,
    ) -> Result<(), Rule> {
        let fit = match (holds(self, at.low, length), holds(self, at.high, length)) {
            _ if at.low > at.high => Fit::Some,
            (true, true) => Fit::All,
            (false, false) => Fit::None,
            _ => Fit::Some,
        };
        match fit {
            Fit::All => Ok(()),
            Fit::None => Err(rule),
            Fit::Some => {
                self.leave_open(RANDOM);
                Ok(())
            }
        }
    }

    /// Private writable memory is accounted (`security_vm_enough_memory_mm`).
    pub(super) fn account(&mut self, length: u64) -> Result<(), Rule> {
        if length > TOO_MUCH {
            return Err(NO_MEMORY);
        }
        if length > PLENTY {
            self.leave_open(MEMORY);
        }
        Ok(())
    }
}
