//! The models that a town asks: where each answers, which variable holds its key, what it costs.
//! Lives here: reading that off the settings, and what of it can never work. Never here: asking one, the environment, so
//! that nobody knows here whether a key is set.
//! Start with [`Asked`].

use ::http::Uri;

use super::charter::Charter;
use super::finding::Finding;
use super::ids::AgentId;
use super::prices::{self, Rate};
use super::settings::{BrainSettings, Provider};
use super::text::one_line;

/// The rules of this file, each with what it means.
pub const RULES: &[(&str, &str)] = &[
    (NO_PRICE, "A model that would be asked has no price."),
    (IN_THE_OPEN, "A key would travel in the open, to an http address of another machine."),
    (NO_COMMAND, "A charter lets the town's command think, and the town names none."),
    (NO_PROVIDER, "A charter names a model of a provider that is not known."),
];
const NO_PRICE: &str = "model-price";
const IN_THE_OPEN: &str = "model-key-in-the-open";
const NO_COMMAND: &str = "model-command";
const NO_PROVIDER: &str = "model-provider";

/// A model as the settings describe it. At the town's own provider its address and key are the town's, elsewhere the usual
/// ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whose dialect it speaks.
    pub provider: Provider,
    /// The model, as the provider calls it.
    pub model: String,
    /// The address below which the API answers.
    pub base_url: String,
    /// Whether that is the provider's own.
    pub own_address: bool,
    /// The variable that holds its key, where it needs one.
    pub key_env: Option<String>,
    /// Tokens that it holds, where that is known.
    pub context: Option<u32>,
    rate: Option<Rate>,
}

/// Nobody knows what a model costs.
#[derive(Debug, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct NoPrice {
    what: String,
    remedy: String,
}

impl Asked {
    /// The model of this name at this provider.
    #[must_use]
    pub fn of(provider: Provider, model: &str, settings: &BrainSettings) -> Self {
        let at_home = provider == settings.home();
        let base_url = settings.base_url.clone().filter(|_| at_home);
        let own_address = settings.at_own_address(provider);
        let name = format!("{}/{model}", provider.name());
        let price = settings.prices.get(model).or_else(|| settings.prices.get(&name));
        let known = prices::model(provider, model, price, own_address);
        Self {
            provider,
            model: model.to_owned(),
            base_url: base_url.unwrap_or_else(|| provider.usual_address().to_owned()),
            own_address,
            key_env: settings.key_env_of(provider).map(str::to_owned),
            context: settings.context.filter(|_| at_home).or(known.context),
            rate: known.rate,
        }
    }

    /// The model that a command-line agent may ask, where the town names one.
    #[must_use]
    pub fn of_command(settings: &BrainSettings) -> Option<Self> {
        let model = settings.model.as_deref()?;
        let (provider, model) = match settings.provider {
            Provider::Command => Provider::of_model(model)?,
            provider @ (Provider::Openai | Provider::Anthropic) => (provider, model),
            _ => return None,
        };
        Some(Self::of(provider, model, settings))
    }

    /// Those that stand in for another, in their order, each as the settings name it.
    pub fn fallbacks(settings: &BrainSettings) -> impl Iterator<Item = (&str, Self)> {
        settings.fallbacks.iter().filter_map(|name| {
            let (provider, model) = Provider::of_model(name)?;
            Some((name.as_str(), Self::of(provider, model, settings)))
        })
    }

    /// `provider/model`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider.name(), self.model)
    }

    /// What it costs.
    ///
    /// # Errors
    /// [`NoPrice`] where neither the town nor the shipped table says.
    pub fn rate(&self) -> Result<Rate, NoPrice> {
        let model = one_line(&self.model, 200);
        self.rate.ok_or_else(|| NoPrice {
            what: format!(
                "nobody knows what {model:?} costs there (the shipped prices are of {})",
                prices::published()
            ),
            remedy: format!(
                "say it under brain.prices in .monkeytown/town.yaml, in US dollars per million tokens: prices: {{ \
                 \"{model}\": {{ input: \"0.25\", output: \"2\" }} }}, and 0 for both where it costs nothing"
            ),
        })
    }
}

/// Whether everybody on the way to this address would read a key.
#[must_use]
pub fn in_the_open(base_url: &str) -> bool {
    let uri = base_url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    !here && uri.is_none_or(|uri| uri.scheme_str() != Some("https"))
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// The model that the charter of this agent names.
    Charter(&'a AgentId),
    /// `brain.model`.
    Model,
    /// One of `brain.fallbacks`.
    Fallback(&'a str),
    /// `brain.base_url`.
    Address,
}

/// What keeps an agent from thinking, whatever the environment holds.
#[must_use]
pub fn findings<'a>(
    settings: &'a BrainSettings,
    charters: impl IntoIterator<Item = &'a Charter>,
) -> Vec<(About<'a>, Finding)> {
    let (mut asked, mut found, mut stands_in) = (Vec::new(), Vec::new(), false);
    match (settings.provider, settings.model.as_deref()) {
        (Provider::Command, _) => asked.extend(Asked::of_command(settings).map(|model| (About::Model, model))),
        (provider @ (Provider::Openai | Provider::Anthropic), Some(model)) if !model.trim().is_empty() => {
            asked.push((About::Model, Asked::of(provider, model, settings)));
            stands_in = true;
        }
        _ => {}
    }
    for charter in charters {
        let about = About::Charter(&charter.name);
        match (charter.model.as_str(), Provider::of_model(&charter.model)) {
            ("inherit", _) => {}
            ("command", _) if settings.command.is_none() => {
                let finding = Finding::error(NO_COMMAND, "a command shall think, and the town names none");
                let remedy = "write its command line under brain.command in .monkeytown/town.yaml, or `model: inherit`";
                found.push((about, finding.fix(remedy)));
            }
            ("command", _) => asked.extend(Asked::of_command(settings).map(|model| (About::Model, model))),
            (_, Some((provider, model))) => {
                asked.push((about, Asked::of(provider, model, settings)));
                stands_in = true;
            }
            (model, None) => {
                let message = format!("nobody knows how to ask {:?}", one_line(model, 200));
                let remedy = "write openai/MODEL, for any endpoint of that shape, or anthropic/MODEL";
                found.push((about, Finding::error(NO_PROVIDER, message).fix(remedy)));
            }
        }
    }
    if stands_in {
        asked.extend(Asked::fallbacks(settings).map(|(name, model)| (About::Fallback(name), model)));
    }
    for (about, model) in &asked {
        if let Err(NoPrice { what, remedy }) = model.rate() {
            found.push((*about, Finding::error(NO_PRICE, what).fix(remedy)));
        }
    }
    if asked.iter().any(|(_, model)| model.key_env.is_some() && in_the_open(&model.base_url)) {
        let finding = Finding::error(IN_THE_OPEN, "the key would travel in the open, and so it is not sent");
        let remedy = "write an https address, or leave `key_env` out where none is asked for a key";
        found.push((About::Address, finding.fix(remedy)));
    }
    found
}
