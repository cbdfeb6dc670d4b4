//! Who is asking: passwords, tokens and one-time codes.
