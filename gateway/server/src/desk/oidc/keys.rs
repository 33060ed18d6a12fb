//! The provider's public keys, and whether one of them signed a token.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Most keys of one provider.
const KEYS_MAX: usize = 100;

/// How a token may be signed. Nothing with a shared secret, and never not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// ECDSA over P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// By its name (RFC 7518, RFC 8037).
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// One public key, for one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Bytes(Vec<u8>),
}

impl Key {
    /// Reads a JWK; `None` if it is not for signatures that we know.
    fn read(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|for_what| for_what != "sig") {
            return None;
        }
        let (algorithm, material) = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let short = |number: Vec<u8>| {
                    number.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>()
                };
                (Algorithm::Rs256, Material::Rsa { n: short(bytes("n")?), e: short(bytes("e")?) })
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                let whole = x.len() == 32 && y.len() == 32;
                // As SEC 1 writes a point whole.
                whole.then_some(())?;
                (Algorithm::Es256, Material::Bytes([&[4_u8][..], &x[..], &y[..]].concat()))
            }
            ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, Material::Bytes(bytes("x")?)),
            _ => return None,
        };
        // A key that says what it is for is used for nothing else.
        if text("alg").is_some_and(|named| Algorithm::parse(named) != Some(algorithm)) {
            return None;
        }
        Some(Self { id: text("kid").map(str::to_owned), algorithm, material })
    }

    /// Whether it signed that.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (self.algorithm, &self.material) {
            (Algorithm::Rs256, Material::Rsa { n, e }) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::Es256, Material::Bytes(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::EdDsa, Material::Bytes(key)) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

/// Every key of a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK set; keys that are for something else are passed over.
    ///
    /// # Errors
    /// It is none.
    pub fn read(set: &Value) -> Result<Self, String> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or("its keys are no JWK set")?;
        Ok(Self(keys.iter().take(KEYS_MAX).filter_map(Key::read).collect()))
    }

    /// The key of that name for that algorithm; without a name the only one there is.
    pub fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&Key> {
        let fits = |key: &&Key| {
            key.algorithm == algorithm && id.is_none_or(|id| key.id.as_deref() == Some(id))
        };
        let mut fitting = self.0.iter().filter(fits);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}
