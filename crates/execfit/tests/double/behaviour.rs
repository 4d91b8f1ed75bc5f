//! What the tasks of a revision do.

/// What happens to the tasks of a deployment. Each DescribeServices of its service is a moment: tasks are started in the
/// first, show what they are in the second, and the rollout is complete in the third.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Every container runs. Those that another one waits for (`dependsOn` COMPLETE or SUCCESS) end with 0.
    Runs,
    /// The first essential container ends with this code, having logged this line; the task is replaced.
    Dies {
        /// Its exit code.
        exit_code: i32,
        /// Its last words; none where empty.
        line: String,
    },
    /// It never starts, for this reason: `CannotPullContainerError: ...`.
    FailsToStart {
        /// The reason of task and container.
        reason: String,
    },
    /// It stays PENDING for ever.
    StaysPending,
    /// No task is started; the service says so in an event.
    Unplaced {
        /// What stands after `was unable to place a task because`.
        reason: String,
    },
    /// It runs for so many more moments (with 1 until the rollout is complete) and then dies.
    DiesLater {
        /// How many moments it is seen RUNNING.
        moments: u32,
        /// Its exit code.
        exit_code: i32,
        /// Its last words.
        line: String,
    },
    /// This container, which is not essential, ends; the others run.
    SidecarDies {
        /// Its name.
        container: String,
        /// Its exit code.
        exit_code: i32,
        /// Its last words.
        line: String,
    },
    /// It runs and its health check fails.
    Unhealthy,
}

impl Behaviour {
    /// Dies as a program of the wrong architecture does: exit code 1, `exec PROGRAM: exec format error`.
    pub fn wrong_format(program: &str) -> Behaviour {
        Behaviour::Dies { exit_code: 1, line: format!("exec {program}: exec format error") }
    }
}
