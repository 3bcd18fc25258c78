//! Names and ports: what cannot be bound is refused, with what to do; a peer whose name does not resolve is
//! told of once, and reached as soon as it does.

use std::{fs, net::TcpListener, process::Command, thread, time::Duration};

use super::{
    disks::with_hosts,
    harness::process::{free_port, wait_for},
    site::{CLUSTER_ID, Site, TIMEOUT},
};

/// An address that is nobody's (RFC 5737).
const ELSEWHERE: &str = "192.0.2.1";
/// A name that is nobody's (RFC 2606).
const NO_NAME: &str = "no-such-host.invalid";

#[test]
fn a_port_that_is_taken_is_refused() {
    let site = Site::formatted();
    let _taken = TcpListener::bind(("127.0.0.1", site.port)).expect("binds");
    let remedy = "Stop whoever uses the port, or change it in listeners here and in controller.quorum.voters \
                  on every node.";
    site.assert_refused(
        "a port that is taken",
        &format!(
            "Socket server failed to bind to 127.0.0.1:{{own port}}: Address already in use (os error 98). \
             {remedy}"
        ),
    );
    site.set("listeners", &format!("CONTROLLER://:{}", site.port));
    site.assert_refused(
        "a port that is taken on one address",
        &format!("Socket server failed to bind to :{{own port}}: Address already in use (os error 98). {remedy}"),
    );
}

#[test]
fn a_host_that_is_not_this_machine_is_refused() {
    let site = Site::formatted();
    site.set(
        "listeners",
        &format!("CONTROLLER://{ELSEWHERE}:{}", site.port),
    );
    site.assert_refused(
        "another machine's address",
        "Socket server failed to bind to 192.0.2.1:{own port}: Cannot assign requested address (os error 99). No \
         interface of this machine has that address. Correct the host in listeners, or what DNS or \
         /etc/hosts say of it.",
    );
    site.set(
        "listeners",
        &format!("CONTROLLER://{NO_NAME}:{}", site.port),
    );
    let command = start_with_hosts(&site, "");
    site.assert_command_refused(
        "a name that does not resolve",
        command,
        "Socket server failed to bind to no-such-host.invalid:{own port}: failed to lookup address information: \
         Name or service not known. Write a name or an address of this machine into listeners, or nothing \
         before the colon for all its addresses; or add the name to DNS or /etc/hosts.",
    );
}

/// A start where names come from the file `hosts` of the site and nowhere else.
fn start_with_hosts(site: &Site, hosts: &str) -> Command {
    let mut command = with_hosts(site.folder(), hosts, "exec \"$KRAFTD\" server \"$1\"");
    command.arg(site.file());
    command
}

/// Voter 1 cannot reach voter 2 until its name resolves; neither can commit anything until then.
#[test]
fn a_peers_name_heals_when_it_resolves() {
    let (first, second) = (free_port(), free_port());
    let one = Site::of(1, &[("127.0.0.1", first), (NO_NAME, second)]);
    let two = Site::of(2, &[("127.0.0.1", first), ("127.0.0.1", second)]);
    one.format(CLUSTER_ID);
    two.format(CLUSTER_ID);
    let _one = one.run(start_with_hosts(&one, ""));
    let unresolved = format!("controller 2 at {NO_NAME}:{second} cannot be reached: ");
    let told = [format!(
        "{unresolved}its name does not resolve (failed to lookup address information: Name or service not \
         known). Correct controller.quorum.voters, or add the name to DNS or /etc/hosts"
    )];
    assert_eq!(one.wait_for_lines(&unresolved), told);
    let _two = two.start();
    // Several elections, and as many attempts to reach it.
    thread::sleep(Duration::from_secs(5));
    assert_eq!(one.lines(&unresolved), told);
    fs::write(one.folder().join("hosts"), format!("127.0.0.1 {NO_NAME}\n")).expect("writes");
    let reached = format!("controller 2 at {NO_NAME}:{second} is reached");
    assert_eq!(one.wait_for_lines(&reached), [reached]);
    wait_for("a leader", TIMEOUT, || match one.leads() || two.leads() {
        true => Ok(()),
        false => Err(one.log_text() + &two.log_text()),
    });
    assert_eq!(one.lines(&unresolved), told);
}
