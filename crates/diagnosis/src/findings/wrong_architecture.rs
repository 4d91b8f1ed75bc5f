//! The program was built for another processor architecture than the host's.
//!
//! The kernel reads `e_machine` in the file's ELF header and refuses every machine but its own: `execve` answers
//! ENOEXEC, and the log says `exec /app: exec format error`. The label of the image does not matter to it.
//! The file may be the program itself, the interpreter of a script, or the loader that the program asks for; in a
//! script's case the runtime blames the script.
//!
//! ## How it comes about
//! Builders default to the architecture of their own host: an image built on an Apple laptop is arm64, and ECS runs
//! tasks on x86_64 unless the task definition says `"cpuArchitecture": "ARM64"`. A binary copied or downloaded for a
//! fixed architecture does the same inside an image that is otherwise right.
//!
//! ## What to do
//! Run the task where the image belongs (retarget), go back to what ran (rollback), or build the image for the host's
//! platform (rebuild), best as one image for both: `docker buildx build --platform linux/amd64,linux/arm64 --push .`

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::run;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "wrong-architecture";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, _, Nature::Elf(header)) = subject.no_program()? else { return None };
    let machine = header.machine;
    if run::is_of(machine, refused.host) {
        return None;
    }
    let object = subject.object(&refused.blame.path);
    let role = if refused.is_program() { "a program" } else { "an interpreter" };
    let (host, answer) = (refused.host, refused.answer());
    let message = format!("{object} is {role} for {}, and the host is {host}: {answer}", header.machine_name());
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ARM64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn an_arm64_program_on_the_default_host() {
        let room = Room::new().image("app:1", Picture::of_app("arm64", &elf(ARM64))).log("exec /app: exec format error");
        assert_snapshot!(room.finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, default-architecture
        error[wrong-architecture]: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
          | /app is an ELF program for arm64 (64-bit, e_machine 183) (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is built for another processor: this kernel runs e_machine 62 (x86_64), and i386 if it is told to (layer 2 of 3, COPY app /app) [fs/binfmt_elf.c load_elf_binary, arch/x86/include/asm/elf.h elf_check_arch]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exec /app: exec format error
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | printed by runc 1.1, by its text and exit code 1 [runc libcontainer/system/linux.go, init.go (1.1), init_linux.go (1.2)]
          | what was printed agrees with the prediction (exec ENOEXEC)
          = Retarget Safe: run the task on ARM64: all containers run there by the model; Fargate brings the machines
            $ execfit fix demo/api --by retarget
            $ aws ecs describe-task-definition --task-definition api:7 --include TAGS > task.json
            $ jq '.tags as $tags | .taskDefinition | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, .registeredBy, .deregisteredAt, .deleteRequestedAt) | .runtimePlatform.cpuArchitecture = "ARM64" | .runtimePlatform.operatingSystemFamily = "LINUX" | if ($tags | length) > 0 then .tags = $tags else . end' task.json > new.json
            $ aws ecs register-task-definition --cli-input-json file://new.json
            $ aws ecs update-service --cluster demo --service api --task-definition api
          = Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
            $ docker buildx build --platform linux/amd64 --tag app:1 --push .
            $ docker build --platform linux/amd64 --tag app:1 . && docker push app:1
            $ finch build --platform linux/amd64 --tag app:1 . && finch push app:1
            $ aws ecs update-service --cluster demo --service api --force-new-deployment
        "#);
    }

    #[test]
    fn the_interpreter_of_a_script_behind_a_link() {
        let picture = Picture::new("amd64").layer(1, "FROM base").file("/usr/bin/dash", 0o755, &elf(ARM64)).link("/bin", "usr/bin")
            .link("/usr/bin/sh", "dash").layer(3, "COPY run.sh /").file("/run.sh", 0o755, b"#!/bin/sh -e\nexec app\n").file("/usr/bin/app", 0o755, &elf(ARM64)).cmd(&["/run.sh"]);
        assert_snapshot!(Room::new().image("app:1", picture).finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, mislabelled-image, default-architecture
        error[wrong-architecture]: container app: /usr/bin/dash is an interpreter for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
          | /run.sh is a script: #!/bin/sh -e (layer 3 of 3, COPY run.sh /)
          | /bin -> usr/bin (layer 1 of 3, FROM base)
          | /usr/bin/sh -> dash (layer 1 of 3, FROM base)
          | /usr/bin/dash is an ELF program for arm64 (64-bit, e_machine 183) (layer 1 of 3, FROM base)
          | /usr/bin/dash: ENOEXEC (exec format error): it is built for another processor: this kernel runs e_machine 62 (x86_64), and i386 if it is told to (layer 1 of 3, FROM base) [fs/binfmt_elf.c load_elf_binary, arch/x86/include/asm/elf.h elf_check_arch]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Retarget Safe: run the task on ARM64: all containers run there by the model; Fargate brings the machines
            $ execfit fix demo/api --by retarget
            $ aws ecs describe-task-definition --task-definition api:7 --include TAGS > task.json
            $ jq '.tags as $tags | .taskDefinition | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, .registeredBy, .deregisteredAt, .deleteRequestedAt) | .runtimePlatform.cpuArchitecture = "ARM64" | .runtimePlatform.operatingSystemFamily = "LINUX" | if ($tags | length) > 0 then .tags = $tags else . end' task.json > new.json
            $ aws ecs register-task-definition --cli-input-json file://new.json
            $ aws ecs update-service --cluster demo --service api --task-definition api
          = Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
            $ docker buildx build --platform linux/amd64 --tag app:1 --push .
            $ docker build --platform linux/amd64 --tag app:1 . && docker push app:1
            $ finch build --platform linux/amd64 --tag app:1 . && finch push app:1
            $ aws ecs update-service --cluster demo --service api --force-new-deployment
        "#);
    }

    #[test]
    fn another_cause_of_the_same_line() {
        let room = Room::new().image("app:1", Picture::of_app("arm64", b"")).log("exec /app: exec format error");
        assert!(!room.ids().contains(&ID));
    }
}
