//! The images that a container may be pinned to, the best first.

use super::Setting;
use crate::case::{Case, Need, Question};
use crate::ecs::{last, seconds, shown};
use crate::subject::{Subject, name_if_deployed_anew};
use execfit_image::digest::Digest;
use execfit_image::ecr::ecr_host;
use execfit_image::reference::Reference;
use serde_json::Value;
use std::collections::BTreeSet;

/// An image that a container may be pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The reference under which it is read.
    pub(crate) read: String,
    /// Digest of the manifest or index.
    pub(crate) digest: Digest,
    /// What speaks for it, as a clause.
    pub(crate) evidence: String,
    /// What is to be said besides.
    pub(crate) caveat: Option<String>,
    /// How far it is known to be the same program.
    pub(crate) kinship: Kinship,
}

/// How far an image is known to be of the same program as the one that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinship {
    /// It was deployed as this container, or bears its tag.
    Known,
    /// It was pushed to the same repository and bears no tag: an overwritten tag leaves such.
    Untagged,
    /// It was pushed to the same repository under other tags.
    Tagged,
}

/// What the definition's tag names by now, where that is not what was deployed.
///
/// # Errors
/// The tag was not looked at yet.
pub(crate) fn mended(case: &Case, subject: &Subject<'_>) -> Result<Option<Candidate>, Need> {
    let tag = name_if_deployed_anew(case, subject.workload)?;
    let digest = case.image(&tag).and_then(|image| image.digest.clone());
    let Some(digest) = digest.filter(|_| tag != subject.name) else { return Ok(None) };
    let evidence = format!("{tag} names it by now");
    Ok(Some(Candidate { read: tag, digest, evidence, caveat: None, kinship: Kinship::Known }))
}

/// The index that the tag beside a digest pin names. Whether the pinned manifest belongs to it.
pub(crate) fn index_beside_pin(case: &Case, subject: &Subject<'_>) -> Option<(Candidate, bool)> {
    let reference: Reference = subject.workload.image.parse().ok()?;
    let pinned = reference.digest.clone()?;
    reference.tag.as_ref()?;
    let tag = reference.without_digest().to_string();
    let index = case.image(&tag).filter(|image| image.index)?;
    let digest = index.digest.clone().filter(|digest| *digest != pinned)?;
    let belongs = index.entries.iter().any(|entry| entry.digest == pinned);
    let caveat = (!belongs).then(|| {
        format!(
            "{tag} names another build than the one that is pinned: {} is not of its index",
            pinned.short()
        )
    });
    let of_same = if belongs { "the index that the pinned manifest belongs to" } else { "the tag's index" };
    Some((
        Candidate { read: tag, digest, evidence: of_same.into(), caveat, kinship: Kinship::Known },
        belongs,
    ))
}

/// The digests that are known not to run: what was deployed, what is pinned, what the tag names.
pub(super) fn failing(setting: &Setting<'_>, subject: &Subject<'_>) -> BTreeSet<Digest> {
    let reference: Option<Reference> = subject.workload.image.parse().ok();
    let tag = reference.clone().map(|reference| reference.without_digest().to_string());
    let of_tag = tag.and_then(|tag| setting.case.image(&tag)).and_then(|image| image.digest.clone());
    let deployed = subject.workload.deployed.as_ref().and_then(|digest| digest.parse().ok());
    let read = subject.image().and_then(|image| image.digest.clone());
    let chosen = subject.runs.iter().filter(|(_, run)| run.verdict.failure().is_some());
    let chosen = chosen.filter_map(|(_, run)| run.manifest.clone());
    let pinned = reference.and_then(|reference| reference.digest);
    [of_tag, deployed, read, pinned].into_iter().flatten().chain(chosen).collect()
}

/// What tasks, running and stopped, of any revision of the family, and service revisions had as this container from this
/// repository, the newest first (ECS API, Container.imageDigest and ContainerImage.imageDigest).
pub(super) fn deployed(
    setting: &Setting<'_>,
    subject: &Subject<'_>,
    reference: &Reference,
) -> Vec<Candidate> {
    let container = &subject.workload.container;
    let repository = |image: &Value| image.as_str()?.parse::<Reference>().ok().map(|image| image.name());
    let ours = |image: &Value| repository(image).is_none_or(|name| name == reference.name());
    let family = setting.scene.definition["family"].as_str();
    let mut found: Vec<(f64, Digest, String)> = Vec::new();
    for task in &setting.documents.tasks {
        let of = task["taskDefinitionArn"].as_str().and_then(|arn| arn.rsplit('/').next()?.rsplit_once(':'));
        if family.is_none() || of.map(|(family, _)| family) != family {
            continue;
        }
        let own = task["containers"].as_array().into_iter().flatten();
        let own = own.filter(|one| one["name"].as_str() == Some(container) && ours(&one["image"]));
        for digest in own.filter_map(|one| one["imageDigest"].as_str()?.parse().ok()) {
            let running = if task["lastStatus"].as_str() == Some("RUNNING") { "runs" } else { "had" };
            let (task, created) = (last_part(&task["taskArn"]), &task["createdAt"]);
            found.push((
                seconds(created),
                digest,
                format!("the task {task} of {} {running} it", shown(created)),
            ));
        }
    }
    for revision in &setting.documents.service_revisions {
        let images = revision["containerImages"].as_array().into_iter().flatten();
        let own =
            images.filter(|one| one["containerName"].as_str() == Some(container) && ours(&one["image"]));
        for digest in own.filter_map(|one| one["imageDigest"].as_str()?.parse().ok()) {
            let (name, created) = (last_part(&revision["serviceRevisionArn"]), &revision["createdAt"]);
            found.push((
                seconds(created),
                digest,
                format!("the service revision {name} of {} had it", shown(created)),
            ));
        }
    }
    // A task that runs says more than others of the same time.
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    let candidate = |(_, digest, evidence): (f64, Digest, String)| Candidate {
        read: reference.clone().without_digest().with_digest(digest.clone()).to_string(),
        digest,
        evidence,
        caveat: None,
        kinship: Kinship::Known,
    };
    found.into_iter().map(candidate).collect()
}

fn last_part(arn: &Value) -> &str {
    arn.as_str().map_or("?", last)
}

/// What was pushed to a repository of Amazon ECR, the newest first; with it, what cannot be read (ECR API, ImageDetail).
///
/// # Errors
/// What AWS is to be asked first.
pub(super) fn pushed(
    setting: &Setting<'_>,
    reference: &Reference,
) -> Result<(Vec<Candidate>, Vec<String>), Need> {
    let Some(host) = ecr_host(&reference.registry) else { return Ok((Vec::new(), Vec::new())) };
    let (registry, repository) = (reference.registry.clone(), reference.repository.clone());
    setting.case.ask(Question::Pushes { registry, repository })?;
    let details = setting.documents.image_details.iter().copied();
    let details = details.filter(|image| {
        let account = image["registryId"].as_str();
        account.is_none_or(|account| account == host.account)
            && image["repositoryName"].as_str() == Some(&reference.repository)
            && is_of_program(image)
    });
    let mut details: Vec<&Value> = details.collect();
    details.sort_by(|one, other| seconds(&other["imagePushedAt"]).total_cmp(&seconds(&one["imagePushedAt"])));
    let (mut candidates, mut told) = (Vec::new(), Vec::new());
    for image in details {
        let Some(digest) = image["imageDigest"].as_str().and_then(|digest| digest.parse::<Digest>().ok())
        else {
            continue;
        };
        let at = shown(&image["imagePushedAt"]);
        if !matches!(image["imageStatus"].as_str(), None | Some("" | "ACTIVE")) {
            told.push(format!("{}, pushed {at}, is passed over: ECR has archived it", digest.short()));
            continue;
        }
        let tags = image["imageTags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let tags: Vec<&str> = tags.take(3).collect();
        let (kinship, named, perishable) = match &tags[..] {
            [] => {
                let perishable = ", and without a tag a lifecycle policy of the repository may delete it";
                (Kinship::Untagged, "without a tag by now".to_string(), perishable)
            }
            tags => (Kinship::Tagged, format!("tagged {}", tags.join(", ")), ""),
        };
        candidates.push(Candidate {
            read: reference.clone().without_digest().with_digest(digest.clone()).to_string(),
            digest,
            evidence: format!("it was pushed {at}, {named}"),
            caveat: Some(format!("it was not seen in any task of this service{perishable}")),
            kinship,
        });
    }
    Ok((candidates, told))
}

/// Whether a pushed thing is an image, and no signature, attestation or other artifact.
fn is_of_program(image: &Value) -> bool {
    let kind = image["artifactMediaType"].as_str().unwrap_or_default();
    let config = kind.is_empty() || kind.contains("container.image") || kind.contains("image.config");
    config && image["subjectManifestDigest"].as_str().is_none_or(str::is_empty)
}
