//! What models cost, and how much they can hold: the shipped table, the town's own prices, and what a call comes to.
//!
//! Lives here: money in millionths of a US dollar, always rounded up; prices by model with the day they were read. Never
//! here: what may be spent (see [`super::settings`] and [`super::charter`]), asking a model.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::settings::{Price, Provider};
use super::transcript::Usage;

/// Prices of common models at their providers' own addresses; its first lines say where they are from, and of which day.
const TABLE: &str = include_str!("prices.csv");

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub u64);

impl Usd {
    /// Reads a decimal number of US dollars; what is smaller than a millionth is rounded up.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || text.len() > 20 {
            return None;
        }
        let (kept, rest) = fraction.split_at(fraction.len().min(6));
        let millionths: u64 = format!("{kept:0<6}").parse().ok()?;
        let more = u64::from(rest.bytes().any(|digit| digit != b'0'));
        whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(millionths)?.checked_add(more).map(Self)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, millionths) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let fraction = format!("{millionths:06}");
        let shown = fraction.trim_end_matches('0');
        write!(f, "{dollars}.{shown:0<2}")
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let text = super::settings::decimal(de)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("this is no amount of US dollars such as \"0.50\", from 0"))
    }
}

impl schemars::JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        super::settings::decimal_schema(generator)
    }
}

/// What a million tokens of each bucket cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Prompt tokens that are read anew.
    pub input: Usd,
    /// Prompt tokens from the provider's cache.
    pub cached: Usd,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: Usd,
    /// Tokens of the reply.
    pub output: Usd,
}

impl Rate {
    /// What a reply of this usage costs, rounded up to a millionth of a dollar.
    #[must_use]
    pub fn cost(&self, usage: Usage) -> Usd {
        sum([
            (usage.input, self.input),
            (usage.cached, self.cached),
            (usage.cache_write, self.cache_write),
            (usage.output, self.output),
        ])
    }

    /// What a call can cost at the most: every prompt token at its dearest, and the longest reply.
    #[must_use]
    pub fn worst(&self, prompt: u64, output: u64) -> Usd {
        sum([(prompt, self.dearest()), (output, self.output)])
    }

    /// How many tokens of a reply `left` pays for once a prompt of this size is paid; nothing where not even that is.
    #[must_use]
    pub fn affordable(&self, left: Usd, prompt: u64) -> Option<u64> {
        let all = u128::from(left.0) * 1_000_000;
        let rest = all.checked_sub(u128::from(prompt) * u128::from(self.dearest().0))?;
        let tokens = rest.checked_div(u128::from(self.output.0));
        Some(tokens.map_or(u64::MAX, |tokens| u64::try_from(tokens).unwrap_or(u64::MAX)))
    }

    /// Whether nothing costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }

    fn dearest(&self) -> Usd {
        self.input.max(self.cached).max(self.cache_write)
    }
}

fn sum<const N: usize>(parts: [(u64, Usd); N]) -> Usd {
    let all: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(price.0)).sum();
    Usd(u64::try_from(all.div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// What is known of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// The tokens that it holds, prompt and reply together; nothing where that is not known.
    pub context: Option<u32>,
    /// What it costs; nothing where that is not known.
    pub rate: Option<Rate>,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
struct Row {
    provider: Provider,
    name: &'static str,
    context: u32,
    rate: Rate,
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter_map(row)
}

/// Reads `provider,model,context,input,cached,cache_write,output`; the first lines are none.
fn row(line: &'static str) -> Option<Row> {
    let fields: Vec<&str> = line.split(',').collect();
    let [provider, name, context, prices @ ..] = &*fields else { return None };
    let provider = match *provider {
        "openai" => Provider::Openai,
        "anthropic" => Provider::Anthropic,
        _ => return None,
    };
    let [input, cached, cache_write, output] = prices else { return None };
    let rate = Rate {
        input: Usd::parse(input)?,
        cached: Usd::parse(cached)?,
        cache_write: Usd::parse(cache_write)?,
        output: Usd::parse(output)?,
    };
    Some(Row { provider, name, context: context.parse().ok()?, rate })
}

/// The day on which the list that the prices are from was published.
#[must_use]
pub fn published() -> &'static str {
    let line = TABLE.lines().find_map(|line| line.split_once("published on "));
    line.map_or("an unknown day", |(_, day)| day.trim_end_matches('.'))
}

/// What is known of `model`. The town's own price comes first; a shipped one counts only at the provider's own address,
/// because the same name costs something else elsewhere.
#[must_use]
pub fn model(provider: Provider, model: &str, price: Option<&Price>, own_address: bool) -> Model {
    // Of two names that it begins with, the longer one is meant.
    let is_meant = |row: &Row| own_address && row.provider == provider && is_version_of(model, row.name);
    let row = rows().filter(is_meant).max_by_key(|row| row.name.len());
    let rate = price.and_then(|price| rate_of(provider, price)).or(row.map(|row| row.rate));
    Model { context: row.map(|row| row.context), rate }
}

/// The rate of a price that the town gives. What it does not say of the cache is taken at its dearest.
fn rate_of(provider: Provider, price: &Price) -> Option<Rate> {
    let (input, output) = (Usd::parse(&price.input)?, Usd::parse(&price.output)?);
    let cached = price.cached.as_deref().map_or(Some(input), Usd::parse)?;
    // Anthropic asks a quarter more for what it writes to its cache.
    let written = if provider == Provider::Anthropic { input.0.saturating_mul(5).div_ceil(4) } else { input.0 };
    Some(Rate { input, cached, cache_write: Usd(written), output })
}

/// Whether `model` is the model of this name, or the name with a date at its end.
fn is_version_of(model: &str, name: &str) -> bool {
    let Some(rest) = model.strip_prefix(name) else { return false };
    rest.is_empty()
        || rest.strip_prefix('-').is_some_and(|date| {
            date == "latest" || (date.len() >= 8 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        let cases =
            [("0", 0, "0.00"), ("1", 1_000_000, "1.00"), ("0.25", 250_000, "0.25"), ("0.0000001", 1, "0.000001")];
        for (text, millionths, shown) in cases {
            let amount = Usd::parse(text).unwrap();
            assert_eq!((amount.0, amount.to_string().as_str()), (millionths, shown), "{text}");
        }
        for wrong in ["", "-1", "1e3", ".5", "1.", "99999999999999999999", "x"] {
            assert_eq!(Usd::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        assert_eq!(rows().count(), lines.len(), "each line is a row");
        assert!(lines.len() > 20);
        for row in rows() {
            let Rate { input, cached, cache_write, output } = row.rate;
            assert!(cached <= input && input <= cache_write && input < output, "{row:?}");
            assert!(row.context > 4_000 && output < Usd(1_000_000_000), "{row:?}");
        }
        assert!(chrono::NaiveDate::parse_from_str(published(), "%Y-%m-%d").is_ok(), "{}", published());
    }

    #[test]
    fn buckets_do_not_overlap_and_a_cost_is_rounded_up() {
        let rate = model(Provider::Anthropic, "claude-sonnet-4-5-20250929", None, true).rate.unwrap();
        let usage = Usage { input: 1_000, cached: 10_000, cache_write: 2_000, output: 500, reasoning: 100 };
        // 3,000 + 3,000 + 7,500 + 7,500 millionths.
        assert_eq!(rate.cost(usage), Usd(21_000));
        let nano = model(Provider::Openai, "gpt-5-nano", None, true).rate.unwrap();
        assert_eq!(nano.cost(Usage { input: 1, ..Usage::default() }), Usd(1));
    }

    #[test]
    fn the_towns_price_counts_and_a_shipped_one_only_at_home() {
        let own = Price { input: "1".into(), output: "2.5".into(), cached: None };
        let known = model(Provider::Openai, "gpt-4o", Some(&own), true).rate.unwrap();
        assert_eq!((known.input, known.cached, known.output), (Usd(1_000_000), Usd(1_000_000), Usd(2_500_000)));
        assert_eq!(model(Provider::Openai, "gpt-4o", None, false).rate, None);
        assert_eq!(model(Provider::Openai, "gpt-4o-audio", None, true).rate, None);
        assert_eq!(model(Provider::Openai, "gpt-4o-2024-08-06", None, true).context, Some(128_000));
        let free = Price { input: "0".into(), output: "0".into(), cached: None };
        assert!(model(Provider::Openai, "qwen3:8b", Some(&free), false).rate.unwrap().is_free());
    }

    proptest! {
        #[test]
        fn what_is_affordable_fits_and_one_token_more_does_not(
            left in 0_u64..10_000_000, prompt in 0_u64..1_000_000, input in 0_u64..20_000_000, output in 1_u64..80_000_000,
        ) {
            let rate = Rate { input: Usd(input), output: Usd(output), ..Rate::default() };
            match rate.affordable(Usd(left), prompt) {
                Some(tokens) => {
                    prop_assert!(rate.worst(prompt, tokens) <= Usd(left));
                    prop_assert!(rate.worst(prompt, tokens + 1) > Usd(left));
                }
                None => prop_assert!(rate.worst(prompt, 0) > Usd(left)),
            }
        }
    }
}
