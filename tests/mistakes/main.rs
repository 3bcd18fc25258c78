//! Every mistake that people make with a node, as whole processes see it: what is said, in exact words; that
//! nothing on disk has changed; and what goes on all the same. Needs no Java; some tests mount file systems
//! of their own, for which they need root or user namespaces.

mod broken_disks;
mod brokers;
mod check;
mod clusters;
mod configuration;
mod damage;
mod directories;
mod disks;
mod harness;
mod names;
mod outputs;
mod site;
mod sockets;
