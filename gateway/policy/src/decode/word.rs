//! Closed lists of words.

/// Declares an enum whose values are words in a file, with its decoder and "did you mean".
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident: $what:literal {
        $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// Every word, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The words with what they mean, for editors.
            pub const WORDS: &'static [$crate::keys::Word] = &[
                $($crate::keys::Word { name: $word, doc: concat!($($doc, "\n"),+) },)+
            ];

            /// The word as written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of that word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl $crate::decode::Decode for $name {
            fn decode(
                node: &$crate::yaml::Node,
                d: &mut $crate::decode::Decoder<'_>,
            ) -> Option<Self> {
                let Some(word) = node.as_text() else {
                    return d.expected(concat!($what, " (a word)"), node, None);
                };
                Self::parse(word).or_else(|| {
                    let known = Self::ALL.iter().map(|one| one.name());
                    let message = format!("`{word}` is not {}", $what);
                    d.refuse(
                        $crate::diagnostics::Problem::error(
                            $crate::diagnostics::Code::UnknownWord,
                            node.span,
                            message,
                        )
                        .help_if($crate::diagnostics::suggest::did_you_mean(word, known)),
                    )
                })
            }
        }
    };
}
pub(crate) use words;
