//! Machines that a capacity provider with managed scaling could start.

use super::{counted, refused};
use crate::case::{Need, Question};
use crate::ecs::{Makes, ScalingGroup, Supplier, Terms};
use crate::plan::Setting;
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// What is to be expected.
pub(super) enum Growth {
    /// Enough of them: how.
    Brings(String),
    /// It cannot be told.
    Untold {
        /// Why, in a sentence.
        words: String,
        /// What to allow, where a permission is missing.
        allow: Option<String>,
        /// Whether it starts such machines, and only their size is not known.
        starts: bool,
    },
    /// None, or too few.
    None {
        /// Why, where anything is to be said of it.
        words: Option<String>,
        /// What would let it bring them.
        help: Option<String>,
    },
}

/// The most launch templates that are read of one group: AWS allows one for each of 40 overrides.
const TEMPLATES: usize = 40;

/// Whether the provider would start machines for so many more tasks.
///
/// # Errors
/// What AWS is to be asked first.
pub(super) fn growth(
    setting: &Setting<'_>,
    supplier: Supplier<'_>,
    terms: &Terms,
    host: Architecture,
    missing: u64,
) -> Result<Growth, Vec<Need>> {
    let Supplier::Instances { provider: Some(name), .. } = supplier else {
        return Ok(Growth::None { words: None, help: None });
    };
    let Some(provider) = setting.scene.capacity_provider(name) else {
        return Ok(unknown(
            setting,
            &["ecs:DescribeCapacityProviders"],
            &format!("it is not known whether the capacity provider {name} brings more"),
        ));
    };
    if let Some(stopped) = stands_still(name, provider) {
        return Ok(stopped);
    }
    let arn = provider["autoScalingGroupProvider"]["autoScalingGroupArn"].as_str().unwrap_or_default();
    let Some(group_name) = ScalingGroup::name_in(arn) else {
        return Ok(none(format!("the capacity provider {name} has no Auto Scaling group"), None));
    };
    let Some(group) = asked(setting, group_name)? else {
        return Ok(unknown(
            setting,
            &["autoscaling:DescribeAutoScalingGroups"],
            &format!("it is not known what the Auto Scaling group {group_name} of {name} could start"),
        ));
    };
    Ok(of_group(setting, (name, group_name), group, terms, (host, missing)))
}

/// The group, once all is known of it that can be.
fn asked<'a>(setting: &Setting<'a>, name: &str) -> Result<Option<ScalingGroup<'a>>, Vec<Need>> {
    let ask = |question: Question| setting.case.ask(question).map_err(|need| vec![need]);
    let find = || ScalingGroup::named(setting.documents, name);
    if find().is_none() {
        ask(Question::ScalingGroup { name: name.into() })?;
    }
    let Some(group) = find() else { return Ok(None) };
    let templates =
        group.templates().into_iter().take(TEMPLATES).filter(|one| !one.is_known(setting.documents));
    let mut questions: Vec<Question> = templates
        .map(|one| Question::LaunchTemplate { template: one.template, version: one.version })
        .collect();
    let unread = group.makes(setting.documents).architectures.is_empty();
    let configuration = group.launch_configuration().filter(|_| unread);
    questions.extend(configuration.map(|name| Question::LaunchConfiguration { name: name.into() }));
    let needs: Vec<Need> =
        questions.into_iter().filter_map(|question| setting.case.ask(question).err()).collect();
    if needs.is_empty() { Ok(Some(group)) } else { Err(needs) }
}

/// What keeps the provider from starting any (ECS API, CapacityProvider and ManagedScaling).
fn stands_still(name: &str, provider: &Value) -> Option<Growth> {
    let status = provider["status"].as_str().unwrap_or("ACTIVE");
    if status != "ACTIVE" {
        return Some(none(
            format!("the capacity provider {name} is {status}: it brings no more machines"),
            None,
        ));
    }
    let scaling = &provider["autoScalingGroupProvider"]["managedScaling"]["status"];
    let words =
        format!("the capacity provider {name} has no managed scaling: it brings no more machines by itself");
    (scaling.as_str() != Some("ENABLED")).then(|| none(words, None))
}

fn of_group(
    setting: &Setting<'_>,
    (provider, name): (&str, &str),
    group: ScalingGroup<'_>,
    terms: &Terms,
    (host, missing): (Architecture, u64),
) -> Growth {
    let Makes { architectures, types } = group.makes(setting.documents);
    let who = format!("the Auto Scaling group {name} of the capacity provider {provider}");
    let listed = types.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
    if architectures.is_empty() {
        let actions = ["ec2:DescribeLaunchTemplateVersions", "autoscaling:DescribeLaunchConfigurations"];
        return unknown(setting, &actions, &format!("it is not known which machines {who} starts"));
    }
    if !architectures.contains(&host) {
        return none(format!("{who} starts no {host} machines ({listed})"), None);
    }
    if group.is_suspended() {
        let help = format!("resume the process Launch of the Auto Scaling group {name}");
        return none(
            format!("{who} starts no machines: Launch is suspended, or it is being deleted"),
            Some(help),
        );
    }
    let (most, there) = group.size();
    let free = most.saturating_sub(there);
    let raise = format!("raise the maximum size (MaxSize) of the Auto Scaling group {name}");
    if free == 0 {
        return none(
            format!("{who} ({listed}) is at its maximum size: it starts no more machines"),
            Some(raise),
        );
    }
    if architectures.len() > 1 {
        let words = format!("{who} starts machines of both kinds ({listed}): which, is not known");
        return Growth::Untold { words, allow: None, starts: false };
    }
    let may = format!("{who} may start {} of {listed}", counted(free, "more machine"));
    match on_each(setting, &types, terms) {
        Some(each) if each.saturating_mul(free) >= missing => {
            let tasks = if each > missing { missing } else { each };
            Growth::Brings(format!("{may}, each with room for {}", counted(tasks, "task")))
        }
        Some(0) => none(format!("{may}, which are too small for a task"), None),
        Some(each) => {
            let room = counted(each.saturating_mul(free), "task");
            none(format!("{may}, with room for {room} only"), Some(raise))
        }
        None if free < missing && one_at_most(terms) => {
            none(format!("{may}, with room for one task each"), Some(raise))
        }
        None => Growth::Untold {
            words: format!(
                "{may}; whether the tasks fit on them is not known: the cluster has none to compare"
            ),
            allow: None,
            starts: true,
        },
    }
}

/// How many tasks the smallest of these types takes, by a machine of each that the cluster has.
fn on_each(setting: &Setting<'_>, types: &[String], terms: &Terms) -> Option<u64> {
    let supplier = Supplier::Instances { provider: None, external: false };
    let machines = setting.scene.machines(supplier);
    let of_type = |name: &String| {
        let mut like = machines.iter().filter(|machine| machine.instance_type() == Some(name));
        like.find_map(|machine| machine.takes_when_empty(terms))
    };
    types.iter().map(of_type).collect::<Option<Vec<u64>>>()?.into_iter().min()
}

fn none(words: String, help: Option<String>) -> Growth {
    Growth::None { words: Some(words), help }
}

fn one_at_most(terms: &Terms) -> bool {
    !terms.reservation.tcp.is_empty() || !terms.reservation.udp.is_empty()
}

/// It cannot be told; because an action was refused, where one was.
fn unknown(setting: &Setting<'_>, actions: &[&str], what: &str) -> Growth {
    match refused(setting, actions) {
        Some((why, allow)) => {
            Growth::Untold { words: format!("{what}: {why}"), allow: Some(allow), starts: false }
        }
        None => Growth::Untold { words: what.to_string(), allow: None, starts: false },
    }
}
