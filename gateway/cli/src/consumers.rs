//! From a checked gateway file to the consumers of events: machines with an address, and people who
//! are told, with the secrets that each needs.

use anyhow::{Context, Result, anyhow, bail};
use backstop_policy::{
    Gateway,
    gateway_file::{
        Format, Mail, MailTls, Notify, NotifyTo, Payload, SecretRef, Subscription, host_and_port,
    },
};
use backstop_server::{
    Tongues,
    deliver::{Consumer, MailServer, People, Security, SigningKeys, Wanted, notifier},
};
use backstop_upstream::SecretSource;
use secrecy::ExposeSecret;

use crate::{
    build::{address, secret},
    secrets::Machine,
};

/// Every consumer of that gateway file.
pub fn consumers(gateway: &Gateway, tongues: &Tongues) -> Result<Vec<Consumer>> {
    let machines = gateway.subscriptions.iter().map(|(name, one)| machine(name, one));
    let people = gateway.notify.iter().map(|(entry, one)| people(gateway, tongues, entry, one));
    machines.chain(people).collect()
}

fn machine(name: &str, one: &Subscription) -> Result<Consumer> {
    let what = format!("subscription `{name}`");
    let url = address(&one.url)?;
    Ok(Consumer {
        name: name.to_owned(),
        // The address itself stays out of the message: it can hold what opens it.
        url: url.parse().with_context(|| format!("{what}: no address"))?,
        keys: signing_keys(&what, &one.secrets)?,
        wanted: Wanted { types: one.events.clone(), policies: one.policies.clone() },
        full: one.payload == Payload::Full,
        cloud_events: one.format == Format::CloudEvents,
        private_network: one.private_network,
        enabled: one.enabled,
        people: None,
    })
}

fn people(gateway: &Gateway, tongues: &Tongues, entry: &str, one: &Notify) -> Result<Consumer> {
    let what = format!("`notify.{entry}`");
    let (url, keys, private_network, mail) = match &one.to {
        NotifyTo::Webhook { url, secrets, private_network } => {
            let keys = match secrets.is_empty() {
                true => SigningKeys::none(),
                false => signing_keys(&what, secrets)?,
            };
            (address(url)?, keys, *private_network, None)
        }
        NotifyTo::Email(to) => {
            let mail = gateway.mail.as_ref().with_context(|| format!("{what}: no `mail`"))?;
            (format!("mailto:{to}"), SigningKeys::none(), false, Some(server(mail, to)?))
        }
    };
    let desk = gateway.http.public.clone();
    let tongue = one.language.as_ref().and_then(|code| tongues.named(code));
    Ok(Consumer {
        name: notifier(entry),
        url: url.parse().with_context(|| format!("{what}: no address"))?,
        keys,
        wanted: Wanted::default(),
        full: false,
        cloud_events: false,
        private_network,
        enabled: true,
        people: Some(People { desk, digest_ms: one.digest_ms, mail, tongue }),
    })
}

fn signing_keys(what: &str, places: &[SecretRef]) -> Result<SigningKeys> {
    let secrets = places.iter().map(|place| Machine.read(&secret(place)));
    let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
    let keys = SigningKeys::read(secrets.iter().map(ExposeSecret::expose_secret));
    keys.map_err(|why| anyhow!("{what}: {why}"))
}

fn server(mail: &Mail, to: &str) -> Result<MailServer> {
    let place = address(&mail.smtp)?;
    let Some((host, port)) = host_and_port(&place) else {
        bail!("`mail.smtp` must be a host and its port, such as `mail.example.com:587`");
    };
    let security = match mail.tls {
        Some(MailTls::Tls) => Security::Tls,
        Some(MailTls::StartTls) => Security::StartTls,
        Some(MailTls::Off) => Security::Off,
        None if port == 465 => Security::Tls,
        None => Security::StartTls,
    };
    let key = mail.key.as_ref().map(|place| Machine.read(&secret(place))).transpose()?;
    let user = mail.user.clone().unwrap_or_else(|| mail.from.clone());
    Ok(MailServer {
        host: host.to_owned(),
        port,
        security,
        credentials: key.map(|key| (user, key.expose_secret().to_owned())),
        from: mail.from.clone(),
        to: to.to_owned(),
    })
}
