//! The page is embedded at compile time by a macro that cargo cannot see through: without this, an edit of `client/` alone
//! would not reach the program.

fn main() {
    println!("cargo::rerun-if-changed=client");
}
