//! How the provider signs: in every way that is right, and in some that are not.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// As the head says, with the key that it names.
    Rs256,
    /// The same.
    Es256,
    /// The same.
    EdDsa,
    /// Not at all, and it says so.
    Not,
    /// With the public RSA key as if it were a shared secret.
    ByPublicKey,
    /// With a key of the same name that is not the provider's.
    ByAnother,
    /// With a key that no set has.
    ByNobodys,
}

/// The provider's keys.
pub struct Signer {
    generation: u32,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Signer {
    /// Fresh ones; their names carry the generation.
    pub fn new(generation: u32) -> Self {
        Self {
            generation,
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
            ed: Ed25519KeyPair::generate().expect("a key"),
        }
    }

    /// The next generation.
    pub fn next(&self) -> Self {
        Self::new(self.generation + 1)
    }

    /// The JWK set.
    pub fn set(&self) -> Value {
        let (n, e) = rsa_numbers(self.rsa.public_key().as_ref());
        let point = self.ec.public_key().as_ref();
        let name = |kind: &str| format!("{kind}-{}", self.generation);
        json!({ "keys": [
            { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": name("rsa"), "n": coded(n),
              "e": coded(e) },
            { "kty": "EC", "crv": "P-256", "kid": name("ec"), "x": coded(&point[1..33]),
              "y": coded(&point[33..]) },
            { "kty": "OKP", "crv": "Ed25519", "kid": name("ed"),
              "x": coded(self.ed.public_key().as_ref()) },
            { "kty": "RSA", "use": "enc", "kid": "for-other-things", "n": coded(n), "e": coded(e) },
            { "kty": "oct", "kid": "odd", "k": "c2VjcmV0" },
        ] })
    }

    /// A token with those claims.
    pub fn token(&self, how: Signs, claims: &Value) -> String {
        let (alg, kind) = match how {
            Signs::Rs256 | Signs::ByAnother | Signs::ByNobodys => ("RS256", "rsa"),
            Signs::Es256 => ("ES256", "ec"),
            Signs::EdDsa => ("EdDSA", "ed"),
            Signs::Not => ("none", "rsa"),
            Signs::ByPublicKey => ("HS256", "rsa"),
        };
        let name = match how {
            Signs::ByNobodys => "nobodys".to_owned(),
            _ => format!("{kind}-{}", self.generation),
        };
        let head = json!({ "alg": alg, "typ": "JWT", "kid": name });
        let signed = format!("{}.{}", coded(head.to_string()), coded(claims.to_string()));
        let signature = self.sign(how, signed.as_bytes());
        format!("{signed}.{}", coded(signature))
    }

    fn sign(&self, how: Signs, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match how {
            Signs::Rs256 | Signs::ByNobodys => rsa_signed(&self.rsa, message),
            Signs::ByAnother => {
                rsa_signed(&RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), message)
            }
            Signs::Es256 => self.ec.sign(&random, message).expect("signed").as_ref().to_vec(),
            Signs::EdDsa => self.ed.sign(message).as_ref().to_vec(),
            Signs::Not => Vec::new(),
            Signs::ByPublicKey => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.rsa.public_key().as_ref());
                hmac::sign(&key, message).as_ref().to_vec()
            }
        }
    }
}

fn rsa_signed(key: &RsaKeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("signed");
    signature
}

/// Modulus and exponent of `RSAPublicKey` (RFC 8017) with 2048 bits: two DER integers.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let at = der.windows(5).position(|five| five == [2, 0x82, 1, 1, 0]).expect("a modulus") + 5;
    let (n, rest) = der[at..].split_at(256);
    (n, &rest[2..])
}

/// base64url without padding.
pub fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
