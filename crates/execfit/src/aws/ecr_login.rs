//! Logs in to Amazon ECR.

use super::error::{AwsError, text};
use super::{Answer, Aws};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use execfit_image::ecr::ecr_host;
use execfit_image::source::{Authenticator, Credentials};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Tokens live for 12 hours; ours are used for at most this long.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// Gives registry credentials for the hosts of Amazon ECR, and says of others that they are not its concern.
///
/// It is asked from threads that may block, and never from the runtime's own.
pub struct EcrLogin {
    aws: Aws,
    runtime: Handle,
    /// By region: one token is good for every account.
    tokens: Mutex<HashMap<String, (Credentials, Instant)>>,
}

impl EcrLogin {
    /// Logs in through `aws`, whose calls run on `runtime`.
    #[must_use]
    pub fn new(aws: Aws, runtime: Handle) -> EcrLogin {
        EcrLogin { aws, runtime, tokens: Mutex::new(HashMap::new()) }
    }

    fn cached(&self, region: &str) -> Option<Credentials> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(region).filter(|(_, at)| at.elapsed() < LIFE).map(|(credentials, _)| credentials.clone())
    }

    fn ask(&self, region: &str) -> Result<Credentials, String> {
        let (give, take) = mpsc::channel();
        let (aws, here) = (self.aws.clone(), region.to_owned());
        self.runtime.spawn(async move { give.send(aws.get_authorization_token(&here).await) });
        let answer = take.recv().map_err(|_| "ecr:GetAuthorizationToken was broken off".to_owned())?;
        let answer = answer.map_err(|error: AwsError| error.to_string())?;
        credentials(&answer)
            .ok_or_else(|| "ecr:GetAuthorizationToken gave no token that we understand".to_owned())
    }
}

impl Authenticator for EcrLogin {
    fn credentials(&self, host: &str, _: &str, again: bool) -> Result<Option<Credentials>, String> {
        let Some(region) = ecr_host(host).map(|host| host.region) else { return Ok(None) };
        if let Some(known) = self.cached(&region).filter(|_| !again) {
            return Ok(Some(known));
        }
        let fresh = self.ask(&region)?;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(region, (fresh.clone(), Instant::now()));
        Ok(Some(fresh))
    }
}

/// The token is base64 of `AWS:PASSWORD`.
fn credentials(answer: &Answer) -> Option<Credentials> {
    let token = text(answer.array("authorizationData").first()?, "authorizationToken")?;
    let plain = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (username, password) = plain.split_once(':')?;
    Some(Credentials { username: username.into(), password: password.into() })
}
