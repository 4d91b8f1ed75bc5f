//! Who owns a service or a task definition: a tool that made it from a source, and would undo what others change. Told by
//! tags, and by the principal that made it.

use serde_json::Value;

/// An owner, and what gives it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The tool, with the names that it gave.
    pub tool: Tool,
    /// What says so, as a phrase: ``its tag `aws:cloudformation:stack-name` ``.
    pub sign: String,
}

/// A tool that makes services from a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// A CloudFormation stack; SAM's are such, too. It tags what it makes (CloudFormation User Guide, "Resource tags").
    CloudFormation {
        /// `aws:cloudformation:stack-name`.
        stack: Option<String>,
        /// `aws:cloudformation:logical-id`: the resource's name in the template.
        logical_id: Option<String>,
    },
    /// A CloudFormation stack that a CDK app made: its logical ids end with eight hexadecimal digits of a hash, and it is
    /// deployed by the role `cdk-QUALIFIER-cfn-exec-role-ACCOUNT-REGION`.
    Cdk {
        /// The stack.
        stack: Option<String>,
        /// The resource's name in the template.
        logical_id: Option<String>,
    },
    /// AWS Copilot: `copilot-application`, `copilot-environment`, `copilot-service`.
    Copilot {
        /// The application.
        application: String,
        /// The environment.
        environment: Option<String>,
        /// The service in the manifest.
        service: Option<String>,
    },
    /// AWS Elastic Beanstalk: `elasticbeanstalk:environment-name`.
    Beanstalk {
        /// The environment.
        environment: Option<String>,
    },
    /// Terraform or OpenTofu, by the tags that its users give.
    Terraform,
    /// Pulumi, and SST, which is made of it.
    Pulumi,
    /// Another one, by its name.
    Other(&'static str),
}

const STACK: &str = "aws:cloudformation:stack-name";
const LOGICAL_ID: &str = "aws:cloudformation:logical-id";
const BEANSTALK: &str = "elasticbeanstalk:environment-name";
const COPILOT: [&str; 3] = ["copilot-application", "copilot-environment", "copilot-service"];

/// Words of tools, in values of tags and in names of roles.
static WORDS: [(&str, Tool); 12] = [
    ("terraform", Tool::Terraform),
    ("opentofu", Tool::Terraform),
    ("tofu", Tool::Terraform),
    ("terragrunt", Tool::Terraform),
    ("cdktf", Tool::Terraform),
    ("pulumi", Tool::Pulumi),
    ("sst", Tool::Pulumi),
    ("cdk", Tool::Cdk { stack: None, logical_id: None }),
    ("cloudformation", Tool::CloudFormation { stack: None, logical_id: None }),
    ("crossplane", Tool::Other("Crossplane")),
    ("ansible", Tool::Other("Ansible")),
    ("ack", Tool::Other("AWS Controllers for Kubernetes")),
];

/// Beginnings of keys that only one tool's users write, in lower case.
static PREFIXES: [(&str, Tool); 10] = [
    ("terraform", Tool::Terraform),
    ("terragrunt", Tool::Terraform),
    ("tf-", Tool::Terraform),
    ("tf:", Tool::Terraform),
    ("tf_", Tool::Terraform),
    ("pulumi", Tool::Pulumi),
    ("sst:", Tool::Pulumi),
    ("crossplane-", Tool::Other("Crossplane")),
    ("services.k8s.aws/", Tool::Other("AWS Controllers for Kubernetes")),
    ("aws-cdk:", Tool::Cdk { stack: None, logical_id: None }),
];

/// Keys whose value is a tool's name, in lower case and without marks.
const MANAGED_BY: [&str; 12] = [
    "managedby",
    "managedwith",
    "provisioner",
    "provisionedby",
    "provisionedwith",
    "createdby",
    "createdwith",
    "deployedby",
    "deployedwith",
    "iac",
    "iactool",
    "builtwith",
];

/// Values that say that a tag's key is not so.
const NO: [&str; 5] = ["false", "no", "0", "off", "none"];

impl Owner {
    /// Who owns what has these `tags`.
    pub fn by_tags(tags: &Value) -> Option<Owner> {
        let value = |wanted: &str| {
            let mut pairs = pairs(tags);
            pairs.find(|(key, _)| *key == wanted).map(|(_, value)| value.to_string())
        };
        let named = |key: &str, tool| Some(Owner { tool, sign: format!("its tag `{key}`") });
        if let Some(application) = value(COPILOT[0]) {
            let (environment, service) = (value(COPILOT[1]), value(COPILOT[2]));
            return named(COPILOT[0], Tool::Copilot { application, environment, service });
        }
        if let Some(environment) = value(BEANSTALK) {
            return named(BEANSTALK, Tool::Beanstalk { environment: Some(environment) });
        }
        if let Some(stack) = value(STACK) {
            let (stack, logical_id) = (Some(stack), value(LOGICAL_ID));
            let cdk = pairs(tags).any(|(key, _)| key.starts_with("aws:cdk:") || key.starts_with("aws-cdk:"));
            let hashed = logical_id.as_deref().is_some_and(ends_with_hash);
            let tool = if cdk || hashed {
                Tool::Cdk { stack, logical_id }
            } else {
                Tool::CloudFormation { stack, logical_id }
            };
            return named(STACK, tool);
        }
        pairs(tags).find_map(|(key, value)| named(key, by_habit(key, value)?))
    }

    /// Who owns what this principal made, by the principal's ARN: only roles that nobody but the tool itself takes.
    pub fn by_principal(arn: &str) -> Option<Owner> {
        let (stack, logical_id) = (None, None);
        let tool = if arn.contains("cdk-") && arn.contains("-cfn-exec-role-") {
            Tool::Cdk { stack, logical_id }
        } else if arn.ends_with("/AWSCloudFormation") || arn.contains("-CFNExecutionRole") {
            Tool::CloudFormation { stack, logical_id }
        } else {
            return None;
        };
        Some(Owner { tool, sign: format!("the principal that made it, {arn}") })
    }

    /// Who seems to own what this principal made, by a word in its ARN.
    pub fn by_name_of_principal(arn: &str) -> Option<Owner> {
        Some(Owner { tool: by_word(arn)?, sign: format!("the principal that made it, {arn}") })
    }
}

/// What may be kept of a tag's value, where it tells who owns a thing: the name of a stack, yes or no, and of a sentence
/// the tool's name alone. Other values may be secrets.
pub(crate) fn owner_value<'v>(key: &str, value: &'v str) -> Option<&'v str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    let is_name = [STACK, LOGICAL_ID, BEANSTALK].contains(&key) || COPILOT.contains(&key);
    if is_name {
        return (!value.is_empty() && value.len() <= 255 && value.chars().all(plain)).then_some(value);
    }
    let lower = key.to_ascii_lowercase();
    if PREFIXES.iter().any(|(prefix, _)| lower.starts_with(prefix)) {
        let word = value.to_ascii_lowercase();
        return (NO.contains(&&word[..]) || ["true", "yes", "1", "on"].contains(&&word[..])).then_some(value);
    }
    is_managed_by(key).then(|| tool_word(value).map(|(word, _)| word))?
}

fn pairs(tags: &Value) -> impl Iterator<Item = (&str, &str)> {
    let pairs = tags.as_array().into_iter().flatten();
    pairs.filter_map(|pair| Some((pair["key"].as_str()?, pair["value"].as_str().unwrap_or_default())))
}

fn by_habit(key: &str, value: &str) -> Option<Tool> {
    if NO.contains(&&value.to_ascii_lowercase()[..]) {
        return None;
    }
    let lower = key.to_ascii_lowercase();
    let of_key = PREFIXES.iter().find(|(prefix, _)| lower.starts_with(prefix)).map(|(_, tool)| tool.clone());
    of_key.or_else(|| is_managed_by(key).then(|| by_word(value))?)
}

fn is_managed_by(key: &str) -> bool {
    let bare: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    MANAGED_BY.contains(&&bare[..])
}

/// The tool that a whole word of a text names.
fn by_word(text: &str) -> Option<Tool> {
    tool_word(text).map(|(_, tool)| tool)
}

fn tool_word(text: &str) -> Option<(&str, Tool)> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.find_map(|word| {
        let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
        known.map(|(_, tool)| (word, tool.clone()))
    })
}

/// Whether a logical id ends as those of the CDK do: eight hexadecimal digits of a hash, in capitals.
fn ends_with_hash(logical_id: &str) -> bool {
    let Some((name, hash)) = logical_id.len().checked_sub(8).and_then(|at| logical_id.split_at_checked(at))
    else {
        return false;
    };
    !name.is_empty() && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stack(logical_id: Option<&str>) -> Tool {
        Tool::CloudFormation { stack: Some("prod".into()), logical_id: logical_id.map(String::from) }
    }

    #[test]
    fn tags_tell_the_owner() {
        let cdk = Tool::Cdk { stack: Some("prod".into()), logical_id: Some("Service9571FDD8".into()) };
        let copilot = Tool::Copilot {
            application: "shop".into(),
            environment: Some("test".into()),
            service: Some("api".into()),
        };
        let cloud = [("aws:cloudformation:stack-name", "prod"), ("aws:cloudformation:logical-id", "Service")];
        let hashed =
            [("aws:cloudformation:stack-name", "prod"), ("aws:cloudformation:logical-id", "Service9571FDD8")];
        let of_copilot = [
            ("copilot-application", "shop"),
            ("copilot-environment", "test"),
            ("copilot-service", "api"),
            ("aws:cloudformation:stack-name", "shop-test-api"),
        ];
        let beanstalk =
            [("elasticbeanstalk:environment-name", "env"), ("aws:cloudformation:stack-name", "awseb")];
        type Tags<'a> = &'a [(&'a str, &'a str)];
        let table: [(Tags<'_>, Option<Tool>); 17] = [
            (&cloud, Some(stack(Some("Service")))),
            (&cloud[..1], Some(stack(None))),
            (&hashed, Some(cdk)),
            (&of_copilot, Some(copilot)),
            (&beanstalk, Some(Tool::Beanstalk { environment: Some("env".into()) })),
            (&[("terraform", "true")], Some(Tool::Terraform)),
            (&[("Terraform", "1")], Some(Tool::Terraform)),
            (&[("Terraform", "false")], None),
            (&[("ManagedBy", "Terraform")], Some(Tool::Terraform)),
            (&[("managed-by", "terraform-aws-modules")], Some(Tool::Terraform)),
            (&[("terraform:workspace", "<redacted 4 bytes>")], Some(Tool::Terraform)),
            (&[("tf-module", "ecs")], Some(Tool::Terraform)),
            (&[("managed_by", "Pulumi")], Some(Tool::Pulumi)),
            (&[("created-by", "jane")], None),
            (&[("team", "terraform")], None),
            (&[("stack", "prod"), ("cloudformation", "yes")], None),
            (&[], None),
        ];
        for (tags, expected) in table {
            let document: Vec<Value> =
                tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
            let found = Owner::by_tags(&document.into());
            assert_eq!(found.map(|owner| owner.tool), expected, "{tags:?}");
        }
        for odd in [json!(null), json!("terraform"), json!([1, {"key": 2}, {"value": "terraform"}])] {
            assert_eq!(Owner::by_tags(&odd), None, "{odd}");
        }
    }

    #[test]
    fn principals_tell_the_owner() {
        let role = |tail: &str| format!("arn:aws:sts::111122223333:assumed-role/{tail}");
        let cdk = role("cdk-hnb659fds-cfn-exec-role-111122223333-eu-west-1/AWSCloudFormation");
        let table = [
            (cdk, Some(Tool::Cdk { stack: None, logical_id: None })),
            (
                role("deployer/AWSCloudFormation"),
                Some(Tool::CloudFormation { stack: None, logical_id: None }),
            ),
            (role("terraform/ci"), None),
            (role("jane/console"), None),
        ];
        for (arn, expected) in table {
            assert_eq!(Owner::by_principal(&arn).map(|owner| owner.tool), expected, "{arn}");
        }
        let seems = |arn: &str| Owner::by_name_of_principal(arn).map(|owner| owner.tool);
        assert_eq!(seems(&role("prod-terraform-runner/ci")), Some(Tool::Terraform));
        assert_eq!(seems(&role("track-stack/ci")), None, "only whole words count");
    }

    #[test]
    fn only_names_of_owners_are_no_secrets() {
        for (key, value, kept) in [
            ("aws:cloudformation:stack-name", "prod-api", "prod-api"),
            ("copilot-service", "api", "api"),
            ("Terraform", "true", "true"),
            ("ManagedBy", "terraform", "terraform"),
            ("managed-by", "Terraform with hunter2", "Terraform"),
        ] {
            assert_eq!(owner_value(key, value), Some(kept), "{key}={value}");
        }
        for (key, value) in [
            ("owner", "hunter2"),
            ("ManagedBy", "hunter2"),
            ("terraform-token", "hunter2"),
            ("pulumi-token", "hunter2"),
            ("aws:cloudformation:stack-name", "a\u{1b}[31mb"),
            ("copilot-service", ""),
        ] {
            assert_eq!(owner_value(key, value), None, "{key}={value}");
        }
    }
}
